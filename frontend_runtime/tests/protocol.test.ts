import { fc, test as property } from "./property";
import { describe, expect, test } from "vitest";
import { placeOf, read } from "../src/protocol";

describe("read", () => {
  test.each([
    ["snapshot", "e.0", "null", { type: "snapshot", cursor: "e.0", state: null }],
    ["patch", "e.1", "[]", { type: "patch", cursor: "e.1", operations: [], text: "[]" }],
    ["mark", undefined, '{"cursor":"e.1"}', { type: "mark", cursor: "e.1" }],
    ["mark", undefined, '{"cursor":null}', { type: "mark", cursor: null }],
    ["mark", undefined, "{}", { type: "mark", cursor: null }],
    ["mark", undefined, "x", { type: "mark", cursor: null }],
    ["mark", undefined, "null", { type: "mark", cursor: null }],
    // What ends or suspends a state does so whatever else it says: these are never ignored.
    ["reset", undefined, '{"reason":"expired"}', { type: "reset" }],
    ["reset", undefined, "x", { type: "reset" }],
    ["gone", undefined, "", { type: "gone" }],
    ["revoked", undefined, '{"reason":"token"}', { type: "revoked", reason: "token" }],
    ["revoked", undefined, "7", { type: "revoked", reason: "" }],
    ["bye", undefined, '{"retry":3100}', { type: "bye", retry: 3100 }],
    ["bye", undefined, '{"retry":-1}', { type: "bye", retry: null }],
    ["bye", undefined, '{"retry":"soon"}', { type: "bye", retry: null }],
    ["bye", undefined, "[", { type: "bye", retry: null }],
    ["confetti", undefined, "[1]", { type: "application", event: "confetti", body: [1] }],
    ["toString", undefined, "1", { type: "application", event: "toString", body: 1 }],
    ["confetti", undefined, "x{", { type: "malformed", fatal: false }],
    ["snapshot", "e.1", "{", { type: "malformed", fatal: true }],
    ["snapshot", undefined, "{}", { type: "malformed", fatal: true }],
    ["snapshot", "e.01", "{}", { type: "malformed", fatal: true }],
    ["patch", "e.1", "[{", { type: "malformed", fatal: true }],
  ])("%s, id %s, data %s", (event, id, data, message) => {
    expect(read({ event, id, data })).toMatchObject(message);
  });

  property(
    "never throws",
    [fc.string(), fc.option(fc.string(), { nil: undefined }), fc.string()],
    (event, id, data) => {
      expect(read({ event, id, data }).type).toBeTypeOf("string");
    },
  );
});

describe("placeOf", () => {
  test.each([
    ["e.9", "e.10", "next"],
    ["e.9", "e.9", "duplicate"],
    ["e.9", "e.0", "duplicate"],
    ["e.9", "e.11", "gap"],
    ["e.9", "f.10", "gap"],
    ["e.9", "E.10", "gap"],
    ["e.9", "e.010", "gap"],
    ["e.9", "10", "gap"],
    ["e.9", "", "gap"],
    ["", "e.10", "gap"],
    [null, "e.10", "gap"],
    ["a.b.9", "a.b.10", "gap"],
    // Beyond what a number holds exactly.
    ["e.9007199254740992", "e.9007199254740993", "next"],
    ["e.9007199254740993", "e.9007199254740992", "duplicate"],
    ["e.9007199254740991", "e.9007199254740993", "gap"],
  ])("%s, then %s: %s", (held, cursor, place) => {
    expect(placeOf(held, cursor)).toBe(place);
  });
});

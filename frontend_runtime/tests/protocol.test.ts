import { fc, test as property } from "./property";
import { describe, expect, test } from "vitest";
import { read, stepsTo } from "../src/protocol";

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

describe("stepsTo", () => {
  test.each([
    ["e.9", "e.10", 1],
    ["e.9", "e.9", 0],
    ["e.9", "e.0", -9],
    ["e.9", "e.11", 2],
    ["e.9", "f.10", NaN],
    ["e.9", "E.10", NaN],
    ["e.9", "e.010", NaN],
    ["e.9", "10", NaN],
    ["e.9", "", NaN],
    ["", "e.10", NaN],
    ["", "", NaN],
    [null, "e.10", NaN],
    ["a.b.9", "a.b.10", NaN],
    // Beyond what a number holds exactly.
    ["e.9007199254740992", "e.9007199254740993", 1],
    ["e.9007199254740993", "e.9007199254740992", -1],
    ["e.9007199254740991", "e.9007199254740993", 2],
    ["e.9999999999999998", "e.9999999999999999", 1],
    ["e.0", "e.9999999999999999", 9_999_999_999_999_999],
  ])("from %s to %s: %d", (held, cursor, steps) => {
    expect(stepsTo(cursor, held)).toBe(steps);
  });

  const revision = fc.bigInt({ min: 0n, max: 10n ** 16n - 1n });
  property(
    "tells the next one and duplicates from all others, as far up as revisions go",
    [revision, fc.oneof(revision, fc.bigInt({ min: -3n, max: 3n }))],
    (held, other) => {
      const cursor = other < 4n && held + other >= 0n ? held + other : other < 0n ? 0n : other;
      fc.pre(cursor < 10n ** 16n);
      const steps = stepsTo(`e.${cursor}`, `e.${held}`);
      expect(steps === 1).toBe(cursor === held + 1n);
      expect(steps < 1).toBe(cursor <= held);
    },
  );
});

/** The transcripts that every client of the protocol must pass. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parsing, Reader } from "./reader";

interface Transcript {
  name: string;
  held: { cursor: string; state: unknown } | null;
  steps: { send: string; do: string[]; cursor: string | null; state: unknown }[];
}

const file = new URL("../../tests/conformance/transcripts.json", import.meta.url);
const transcripts = JSON.parse(readFileSync(file, "utf-8")) as Transcript[];

test("there are transcripts", () => {
  expect(transcripts.length).toBeGreaterThan(30);
});

describe.each(transcripts)("$name", ({ held, steps }) => {
  function play(): { reader: Reader; done: string[]; feed: (chunk: Uint8Array) => void } {
    const reader = new Reader(held ?? undefined).connect();
    const done: string[] = [];
    return { reader, done, feed: parsing((event) => done.push(reader.act(event))) };
  }

  test("step by step", () => {
    const { reader, done, feed } = play();
    for (const step of steps) {
      feed(new TextEncoder().encode(step.send));
      expect(done.splice(0)).toEqual(step.do);
      expect(reader.machine.cursor).toBe(step.cursor);
      // There null is also what a client without a state holds.
      expect(reader.machine.state ?? null).toEqual(step.state);
    }
  });

  test("byte by byte", () => {
    const { reader, done, feed } = play();
    for (const byte of new TextEncoder().encode(steps.map(({ send }) => send).join(""))) feed(new Uint8Array([byte]));
    expect(done).toEqual(steps.flatMap((step) => step.do));
    expect(reader.machine.cursor).toBe(steps.at(-1)!.cursor);
    expect(reader.machine.state ?? null).toEqual(steps.at(-1)!.state);
  });
});

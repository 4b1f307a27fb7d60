/** RFC 6902 by the cases that others share: npm's `json-patch-test-suite`, and those that the server's own patches pass. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";

import { applyPatch, PatchError, type Operation } from "../src/patch";

interface Case {
  name?: string;
  comment?: string;
  doc: unknown;
  patch: Operation[];
  expected?: unknown;
  error?: string | boolean;
  disabled?: boolean;
}

const suite = (name: string): string => createRequire(import.meta.url).resolve(`json-patch-test-suite/${name}`);
// How many cases each must have, so that none is lost unseen.
const SUITES: [name: string, path: string | URL, enabled: number][] = [
  ["json-patch-test-suite: tests", suite("tests.json"), 75],
  ["json-patch-test-suite: the RFC's examples", suite("spec_tests.json"), 16],
  ["the server's", new URL("../../tests/conformance/rfc6902.json", import.meta.url), 62],
];

describe.each(SUITES)("%s", (_name, path, enabled) => {
  const all = JSON.parse(readFileSync(path, "utf8")) as Partial<Case>[];
  // A few entries are remarks without a patch.
  const cases = all.filter((entry): entry is Case => entry.patch !== undefined && !entry.disabled);

  test("is read whole", () => {
    expect(cases).toHaveLength(enabled);
  });

  test.each(
    cases.map((entry, index) => ({ ...entry, title: `${index} ${entry.name ?? entry.comment ?? entry.error}` })),
  )("$title", ({ doc, patch, expected, error }) => {
    const before = JSON.stringify([doc, patch]);
    if (error) expect(() => applyPatch(doc, patch)).toThrow(PatchError);
    // Without an expectation all are tests, which change nothing.
    else if (expected === undefined) expect(applyPatch(doc, patch)).toBe(doc);
    else expect(applyPatch(doc, patch)).toStrictEqual(expected);
    expect(JSON.stringify([doc, patch])).toBe(before);
  });
});

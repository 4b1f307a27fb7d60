/** Properties as tests; fast-check tells the seed and the smallest counterexample. */
import fc from "fast-check";
import { test as vitest } from "vitest";

export { fc };

/** Milliseconds: many runs, on a machine that may be busy with something else. */
const TIMEOUT = 120_000;

export function test<Values extends [unknown, ...unknown[]]>(
  name: string,
  arbitraries: { [Index in keyof Values]: fc.Arbitrary<Values[Index]> },
  holds: (...values: Values) => void,
  parameters: fc.Parameters<Values> = {},
): void {
  vitest(
    name,
    () => {
      fc.assert(fc.property<Values>(...arbitraries, holds), parameters);
    },
    TIMEOUT,
  );
}

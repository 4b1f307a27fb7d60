/** What JSON values are made of, and how to compare them; knows nothing of patches or channels. */

type Compare = (one: unknown, other: unknown) => boolean;

/** Whether `value` is an object or an array. */
export const isContainer = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

/** Whether each member of `one` is one of `other` too, with a value that `compare` finds the same. */
export const within = (one: object, other: object, compare: Compare): boolean =>
  Object.entries(one).every(
    ([name, value]) => Object.hasOwn(other, name) && compare(value, (other as Record<string, unknown>)[name]),
  );

/** Whether two values are the same JSON, in which the order of members means nothing; `compare` is for the rest. */
export function same(one: unknown, other: unknown, compare: Compare): boolean {
  if (compare(one, other)) return true;
  if (!isContainer(one) || !isContainer(other) || Array.isArray(one) !== Array.isArray(other)) return false;
  return (
    Object.keys(one).length === Object.keys(other).length && within(one, other, (...both) => same(...both, compare))
  );
}

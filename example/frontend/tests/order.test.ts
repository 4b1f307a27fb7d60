import { describe, expect, test } from "vitest";
import type { Move } from "../src/api/board";
import { arrange, moveTo, same, shows, type Placed } from "../src/board/order";

const tasks: readonly Placed[] = [
  { id: 1, done: false },
  { id: 2, done: true },
  { id: 3, done: false },
  { id: 4, done: false },
  { id: 5, done: true },
];

/** What the server does with a move: PROTOCOL has the result in the next patch. */
function written(tasks: readonly Placed[], move: Move): Placed[] {
  const rest = tasks.filter(({ id }) => id !== move.id);
  const at = move.before === null ? rest.length : rest.findIndex(({ id }) => id === move.before);
  return rest.toSpliced(at, 0, { id: move.id, done: move.done });
}

describe("arrange", () => {
  test("keeps the server's order in both columns", () => {
    expect(arrange(tasks, [])).toEqual({ todo: [1, 3, 4], done: [2, 5] });
  });

  test("makes moves one after the other", () => {
    const moves = [
      { id: 4, before: 1, done: false },
      { id: 3, before: 4, done: false },
    ];
    expect(arrange(tasks, moves)).toEqual({ todo: [3, 4, 1], done: [2, 5] });
  });

  test("leaves out a move whose task is gone, and stays where its neighbour is gone", () => {
    expect(arrange(tasks, [{ id: 9, before: 1, done: false }])).toEqual({ todo: [1, 3, 4], done: [2, 5] });
    expect(arrange(tasks, [{ id: 3, before: 9, done: true }])).toEqual({ todo: [1, 4], done: [2, 3, 5] });
  });
});

describe("a move", () => {
  const places = (["todo", "done"] as const).flatMap((column) =>
    [0, 1, 2, 3, Infinity].flatMap((index) => tasks.map(({ id }) => ({ id, column, index }))),
  );

  test.each(places)("of $id to $index of $column is there at once, and stays when the patch has come", (place) => {
    const columns = arrange(tasks, []);
    const move = moveTo(columns, place.id, place.column, place.index);
    if (move === null) {
      expect(columns[place.column].indexOf(place.id)).toBe(Math.min(place.index, columns[place.column].length - 1));
      return;
    }
    const others = columns[place.column].filter((id) => id !== place.id);
    const expected = others.toSpliced(Math.min(place.index, others.length), 0, place.id);
    expect(arrange(tasks, [move])[place.column]).toEqual(expected);

    const after = written(tasks, move);
    expect(shows(after, move)).toBe(true);
    expect(same(arrange(after, [move]), arrange(tasks, [move]))).toBe(true); // with the overlay still there
    expect(same(arrange(after, []), arrange(tasks, [move]))).toBe(true); // and without it
  });

  test("is not shown before the server has made it", () => {
    expect(shows(tasks, { id: 4, before: 1, done: false })).toBe(false);
    expect(shows(tasks, { id: 1, before: 2, done: true })).toBe(false);
    expect(shows(tasks, { id: 9, before: 2, done: true })).toBe(true); // its task is gone: nothing to wait for
  });
});

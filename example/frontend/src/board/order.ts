/** The order of a board's tasks, with the moves that are on their way to the server already made. Pure. */
import type { Move } from "../api/board";
import type { Task } from "../rx/projects.interfaces";

/** What the order of a board depends on; tasks come as the server orders them. */
export type Placed = Pick<Task, "id" | "done">;

export interface Columns {
  readonly todo: readonly number[];
  readonly done: readonly number[];
}

export type ColumnName = keyof Columns;

/** The tasks' keys by column. A move whose task is gone is left out; one before a task that is gone only changes `done`. */
export function arrange(tasks: readonly Placed[], moves: readonly Move[]): Columns {
  const order = moves.reduce(apply, tasks);
  const columns: Record<ColumnName, number[]> = { todo: [], done: [] };
  for (const task of order) columns[task.done ? "done" : "todo"].push(task.id);
  return columns;
}

function apply(tasks: readonly Placed[], move: Move): readonly Placed[] {
  const from = tasks.findIndex((task) => task.id === move.id);
  if (from < 0) return tasks;
  const moved = { id: move.id, done: move.done };
  const rest = tasks.toSpliced(from, 1);
  if (move.before === null) return [...rest, moved];
  const to = rest.findIndex((task) => task.id === move.before);
  return to < 0 ? tasks.with(from, moved) : rest.toSpliced(to, 0, moved);
}

/** Whether the server's order shows a move: it may stop being made here. */
export function shows(tasks: readonly Placed[], move: Move): boolean {
  const at = tasks.findIndex((task) => task.id === move.id);
  return at < 0 || (tasks[at]?.done === move.done && (tasks[at + 1]?.id ?? null) === move.before);
}

export function same(left: Columns, right: Columns): boolean {
  return sameKeys(left.todo, right.todo) && sameKeys(left.done, right.done);
}

function sameKeys(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((key, index) => key === right[index]);
}

/** The move that brings `id` to `index` of `column`, or null if it is there. */
export function moveTo(columns: Columns, id: number, column: ColumnName, index: number): Move | null {
  const keys = columns[column];
  const from = keys.indexOf(id);
  const others = from < 0 ? keys : keys.toSpliced(from, 1);
  const to = Math.min(Math.max(index, 0), others.length);
  return to === from ? null : { id, before: others[to] ?? null, done: column === "done" };
}

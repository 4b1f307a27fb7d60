/** Finds rows in a state by type and key; knows no connection. */
import type { InstanceIndex } from "./channel";

type Row = Readonly<Record<string, unknown>>;

/** Of each state, the rows by type and key. A state never changes, so what was found in it stays found. */
const found = new WeakMap<object, Map<string, ReadonlyMap<string, Row>>>();

/**
 * The row of `type` whose key is `id`, or undefined. Each state is searched once per type, whoever asks. A row that is
 * in a state more than once is returned as it is at its first place; all are the same to the serializer.
 */
export function findInstance(state: unknown, index: InstanceIndex, type: string, id: string | number): unknown {
  if (typeof state !== "object" || state === null) return undefined;
  const types = found.get(state) ?? new Map<string, ReadonlyMap<string, Row>>();
  found.set(state, types);
  const rows = types.get(type) ?? collect(state, index, type);
  types.set(type, rows);
  return rows.get(String(id));
}

function collect(state: object, index: InstanceIndex, type: string): ReadonlyMap<string, Row> {
  const entry = index[type];
  if (!entry) {
    throw new Error(
      `This channel has no rows of type ${JSON.stringify(type)}, but of ${Object.keys(index).join(", ")}.`,
    );
  }
  const rows = new Map<string, Row>();
  for (const path of entry.paths) visit(state, path, 0, entry.key, rows);
  return rows;
}

function visit(value: unknown, path: readonly string[], depth: number, key: string, rows: Map<string, Row>): void {
  // A relation may be null, at any level.
  if (typeof value !== "object" || value === null) return;
  const name = path[depth];
  if (name === "*") {
    if (Array.isArray(value)) for (const element of value) visit(element, path, depth + 1, key, rows);
  } else if (name !== undefined) {
    if (Object.hasOwn(value, name)) visit((value as Row)[name], path, depth + 1, key, rows);
  } else {
    const id = String((value as Row)[key]);
    if (!rows.has(id)) rows.set(id, value as Row);
  }
}

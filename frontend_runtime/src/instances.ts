/** Finds rows in a state by type and key; knows no connection. */
import type { InstanceIndex } from "./channel";
import { isContainer } from "./json";

type Row = Readonly<Record<string, unknown>>;

/** Of each state, the rows by type and key. A state never changes, so what was found in it stays found. */
const found = new WeakMap<object, Map<string, ReadonlyMap<string, Row>>>();

/**
 * The row of `type` whose key is `id`, or undefined. Each state is searched once per type, whoever asks. A row that is
 * in a state more than once is returned as it is at its first place; all are the same to the serializer.
 */
export function findInstance(state: unknown, index: InstanceIndex, type: string, id: string | number): unknown {
  if (!isContainer(state)) return undefined;
  const types = found.get(state) ?? new Map<string, ReadonlyMap<string, Row>>();
  found.set(state, types);
  const rows = types.get(type) ?? collect(state, index, type);
  types.set(type, rows);
  return rows.get(String(id));
}

function collect(state: object, index: InstanceIndex, type: string): ReadonlyMap<string, Row> {
  const entry = index[type];
  if (!entry) throw new Error(`There are no rows of type ${JSON.stringify(type)}.`);
  const rows = new Map<string, Row>();
  for (const path of entry.paths) {
    for (const row of path.reduce(below, [state])) {
      const id = isContainer(row) && String(row[entry.key]);
      if (id !== false && !rows.has(id)) rows.set(id, row);
    }
  }
  return rows;
}

/** What is one step below `values`. A relation may be null, at any level. */
const below = (values: readonly unknown[], name: string): readonly unknown[] =>
  values.flatMap((value) => {
    if (name === "*") return Array.isArray(value) ? (value as unknown[]) : [];
    return isContainer(value) ? [value[name]] : [];
  });

/**
 * Applies JSON patches [rfc6902] with structural sharing; knows nothing of channels, cursors or connections.
 *
 * Documents and operations are JSON values, as `JSON.parse` gives them.
 */
import { isContainer, same } from "./json";

/** One operation of a patch [rfc6902 §4]. Pointers are strings in the form of [rfc6901], `""` is the whole document. */
export type Operation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move" | "copy"; readonly from: string; readonly path: string };

/** A patch that can't be applied. The message says which operation (counted from 0) broke which rule. */
export class PatchError extends Error {
  override readonly name = "PatchError";
}

/**
 * The document after `operations`, in their order and all of them, or none: throws a `PatchError` at the first that
 * can't be applied.
 *
 * Neither argument is ever written to. What the patch does not change keeps its identity (`===`), and so does what it
 * replaces by an equal value; what it changes is copied, each array or object once. Inserted values are not copied:
 * the result shares them with the operations.
 */
export function applyPatch<T>(document: T, operations: readonly Operation[]): T {
  if (!Array.isArray(operations)) throw new PatchError("A patch is an array of operations.");
  // The document is the one member of a container of ours, so the root is a place like any other.
  const top: Members = { "": document };
  const owned: Owned = new Set([top]);
  (operations as readonly (Every | null)[]).forEach((operation, index) => {
    try {
      run(operation ?? ({} as Every), top, owned);
    } catch (error) {
      throw new PatchError(`Operation ${index}: ${(error as Error).message}`);
    }
  });
  return top[""] as T;
}

type Members = Record<string, unknown>;

/** All members that operations have. */
type Every = Readonly<{ op: Operation["op"]; path: string; from: string; value: unknown }>;

/** The copies that a patch has made, and may write to. What an owned container lies in is owned as well. */
type Owned = Set<unknown>;

/** What to do where a pointer leads: the container with the change made, itself where nothing changes. */
type Edit = (owned: Owned, container: unknown, key: string, value: unknown) => unknown;

/** One operation [rfc6902 §4] on the one member of `top`. */
function run({ op, path, from, value }: Every, top: Members, owned: Owned): void {
  const get = (pointer: string): unknown => keysOf(pointer).reduce(member, top);
  const at = (pointer: string, edit: Edit, given?: unknown): void => {
    walk(owned, top, keysOf(pointer), edit, given);
  };
  if (value === undefined && ["add", "replace", "test"].includes(op)) refuse("there is no value.");
  switch (op) {
    case "remove":
      return path === "" ? refuse("the document can't be removed.") : at(path, remove);
    case "add":
    case "replace":
      return at(path, op === "add" ? insert : replace, value);
    case "move": {
      const moved = get(from);
      if (from === path) return;
      if (`${path}/`.startsWith(`${from}/`)) refuse("it can't be moved into itself.");
      // Copied at its full length, an array has room for what goes back into it.
      at(from, own);
      at(from, remove);
      return at(path, insert, moved);
    }
    case "copy": {
      const copied = get(from);
      // It is in two places now. What is written to one must not show in the other: nothing in it is ours any more.
      owned.clear();
      owned.add(top);
      return at(path, insert, copied);
    }
    case "test":
      // 0 equals -0 here. To replace one by the other is a change all the same, which `Object.is` sees.
      if (!same(get(path), value, (one, other) => one === other)) refuse("the value differs.");
      return;
    default:
      refuse("there is no such op.");
  }
}

/** The keys on the way from `top` to where `pointer` leads [rfc6901 §3, §4]: the first is always `""`, the document. */
function keysOf(pointer: string): string[] {
  if (typeof pointer !== "string" || /^[^/]|~(?![01])/.test(pointer)) refuse("that is no JSON pointer.");
  const keys = pointer.split("/");
  return pointer.includes("~") ? keys.map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~")) : keys;
}

/** Makes the edit where `keys`, which are used up, lead to from `container`. */
function walk(owned: Owned, container: unknown, keys: string[], edit: Edit, value: unknown): unknown {
  const key = String(keys.shift());
  if (keys.length === 0) return edit(owned, container, key, value);
  const child = member(container, key);
  const changed = walk(owned, child, keys, edit, value);
  return changed === child ? container : put(owned, container, key, changed);
}

const insert: Edit = (owned, container, key, value) => {
  if (!Array.isArray(container)) {
    const isNew = isContainer(container) && !Object.hasOwn(container, key);
    return (isNew ? put : replace)(owned, container, key, value);
  }
  const end = String(container.length);
  if (key === "-") key = end;
  if (key !== end) member(container, key);
  return splice(owned, container, Number(key), 0, value);
};

const replace: Edit = (owned, container, key, value) =>
  same(member(container, key), value, Object.is) ? container : put(owned, container, key, value);

const remove: Edit = (owned, container, key) => {
  member(container, key);
  if (Array.isArray(container)) return splice(owned, container, Number(key), 1);
  const copy = own(owned, container);
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- It is the member that the pointer names.
  delete copy[key];
  return copy;
};

/** Copies and splices at once: made longer afterwards, a copy would be copied again. */
function splice(owned: Owned, array: unknown[], ...how: [position: number, drop: number, ...unknown[]]): unknown[] {
  if (!owned.has(array)) return adopt(owned, array.toSpliced(...how));
  array.splice(...how);
  return array;
}

function own(owned: Owned, container: unknown): Members {
  if (owned.has(container)) return container as Members;
  return adopt(owned, (Array.isArray(container) ? container.slice() : { ...(container as Members) }) as Members);
}

function adopt<Copy>(owned: Owned, copy: Copy): Copy {
  owned.add(copy);
  return copy;
}

function member(container: unknown, key: string): unknown {
  if (Array.isArray(container)) {
    const index = Number(key);
    if (/^(0|[1-9]\d*)$/.test(key) && index < container.length) return container[index];
  } else if (isContainer(container) && Object.hasOwn(container, key)) return container[key];
  return absent(key);
}

function put(owned: Owned, container: unknown, key: string, value: unknown): Members {
  // Assigned, this one would be the object's prototype; written down, it is a name like any other, as in JSON.
  if (key === "__proto__") return adopt(owned, { ...(container as Members), [key]: value });
  const copy = own(owned, container);
  copy[key] = value;
  return copy;
}

function absent(key: string): never {
  return refuse(`there is no ${JSON.stringify(key)}.`);
}

function refuse(rule: string): never {
  throw new Error(rule);
}

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
  for (const [index, operation] of (operations as readonly (Every | null)[]).entries()) {
    try {
      run(operation ?? ({} as Every), top, owned);
    } catch (error) {
      const place = `Operation ${index} (${quote(operation?.op)} ${quote(operation?.path)})`;
      throw new PatchError(`${place}: ${(error as Error).message}`);
    }
  }
  return top[""] as T;
}

type Members = Record<string, unknown>;
type Container = Members | unknown[];

/** All members that operations have. */
type Every = Readonly<{ op: Operation["op"]; path: string; from: string; value: unknown }>;

/** The copies that a patch has made, and may write to. What an owned container lies in is owned as well. */
type Owned = Set<unknown>;

/** What to do where a pointer leads: the container with the change made, itself where nothing changes. */
type Edit = (owned: Owned, container: Container, key: string, value: unknown) => Container;

/** One operation [rfc6902 §4] on the one member of `top`. */
function run({ op, path, from, value }: Every, top: Members, owned: Owned): void {
  const at = (pointer: string, edit: Edit, given?: unknown): void => {
    if (typeof pointer !== "string" || /^[^/]|~(?![01])/.test(pointer)) refuse("that is no JSON pointer.");
    walk(owned, top, pointer, 0, edit, given);
  };
  const get = (pointer: string): unknown => {
    let found: unknown;
    at(pointer, (_, container, key) => {
      found = member(container, key);
      return container;
    });
    return found;
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
      if (isContainer(copied)) owned.clear();
      owned.add(top);
      return at(path, insert, copied);
    }
    case "test":
      // 0 equals -0 here. To replace one by the other is a change all the same, which `Object.is` sees.
      return same(get(path), value, (one, other) => one === other) ? undefined : refuse("the value differs.");
    default:
      refuse("there is no such op.");
  }
}

/** Makes the edit where the rest of `pointer`, from `start` on, leads to from `container` [rfc6901 §3, §4]. */
function walk(owned: Owned, container: unknown, pointer: string, start: number, edit: Edit, value: unknown): Container {
  const end = pointer.indexOf("/", start);
  const last = end < 0;
  const key = unescape(pointer.slice(start, last ? undefined : end));
  if (!isContainer(container)) refuse(`there is no ${quote(key)}.`);
  if (last) return edit(owned, container, key, value);
  const child = member(container, key);
  const changed = walk(owned, child, pointer, end + 1, edit, value);
  return changed === child ? container : put(own(owned, container), key, changed);
}

const insert: Edit = (owned, container, key, value) =>
  Array.isArray(container)
    ? splice(owned, container, key === "-" ? container.length : indexOf(key, container, 1), 0, value)
    : set(owned, container, key, value);

const replace: Edit = (owned, container, key, value) => {
  member(container, key);
  return set(owned, container, key, value);
};

const set: Edit = (owned, container, key, value) =>
  Object.hasOwn(container, key) && same((container as Members)[key], value, Object.is)
    ? container
    : put(own(owned, container), key, value);

const remove: Edit = (owned, container, key) => {
  member(container, key);
  if (Array.isArray(container)) return splice(owned, container, Number(key), 1);
  const copy = own(owned, container);
  Reflect.deleteProperty(copy, key);
  return copy;
};

/** Copies and splices at once: made longer afterwards, a copy would be copied again. */
function splice(owned: Owned, array: unknown[], position: number, drop: number, ...values: unknown[]): Container {
  if (!owned.has(array)) return adopt(owned, array.toSpliced(position, drop, ...values));
  array.splice(position, drop, ...values);
  return array;
}

function own(owned: Owned, container: Container): Container {
  if (owned.has(container)) return container;
  return adopt(owned, Array.isArray(container) ? container.slice() : { ...container });
}

function adopt(owned: Owned, copy: Container): Container {
  owned.add(copy);
  return copy;
}

function unescape(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}

function member(container: Container, key: string): unknown {
  if (Array.isArray(container)) return container[indexOf(key, container)];
  return Object.hasOwn(container, key) ? container[key] : refuse(`there is no ${quote(key)}.`);
}

/** The index that `key` stands for; `behind`: how many places behind the end exist too. */
function indexOf(key: string, array: readonly unknown[], behind = 0): number {
  if (/^(0|[1-9]\d*)$/.test(key) && Number(key) < array.length + behind) return Number(key);
  return refuse(`there is no ${quote(key)}.`);
}

function put(container: Container, key: string, value: unknown): Container {
  // Assigned, this one would be the object's prototype. In JSON it is a name like any other.
  if (key === "__proto__") {
    Object.defineProperty(container, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    (container as Members)[key] = value;
  }
  return container;
}

const quote = (value: unknown): string => (typeof value === "string" ? JSON.stringify(value) : typeof value);

function refuse(rule: string): never {
  throw new PatchError(rule);
}

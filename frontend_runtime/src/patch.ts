/**
 * Applies JSON patches [rfc6902] with structural sharing; knows nothing of channels, cursors or connections.
 *
 * Documents and operations are JSON values, as `JSON.parse` gives them.
 */

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
  const draft = new Draft(document);
  for (const [index, operation] of (operations as readonly (Operation | null)[]).entries()) {
    try {
      draft.run(operation);
    } catch (error) {
      const place = `Operation ${index} (${quote(operation?.op)} ${quote(operation?.path)})`;
      throw new PatchError(`${place}: ${(error as Error).message}`);
    }
  }
  return draft.top[""] as T;
}

type Members = Record<string, unknown>;
type Container = Members | unknown[];

/** What to do where a pointer leads: the container with the change made, itself where nothing changes. */
type Edit = (container: Container, key: string) => Container;

/** A document under change. */
class Draft {
  /** The document is the one member of a container of ours, so the root is a place like any other. */
  readonly top: Members;
  /** The copies that this patch has made, and may write to. What an owned container lies in is owned as well. */
  #owned: Set<unknown>;

  constructor(document: unknown) {
    this.top = { "": document };
    this.#owned = new Set([this.top]);
  }

  /** One operation [rfc6902 §4]. */
  run(operation: Operation | null): void {
    switch (operation?.op) {
      case "add":
        this.#add(operation.path, given(operation.value));
        break;
      case "remove":
        this.#remove(operation.path);
        break;
      case "replace":
        this.#replace(operation.path, given(operation.value));
        break;
      case "move":
        this.#move(operation.from, operation.path);
        break;
      case "copy":
        this.#copy(operation.from, operation.path);
        break;
      case "test":
        if (!same(this.#get(operation.path), given(operation.value), byValue)) refuse("the value differs.");
        break;
      default:
        refuse("an op is add, remove, replace, move, copy or test.");
    }
  }

  #add(pointer: string, value: unknown): void {
    this.#at(pointer, (container, key) => {
      if (!Array.isArray(container)) return this.#set(container, key, value);
      return this.#splice(container, key === "-" ? container.length : indexOf(key, container, 1), 0, value);
    });
  }

  #remove(pointer: string): void {
    this.#at(pointer, (container, key) => {
      if (container === this.top) refuse("the document itself can't be removed, only replaced.");
      member(container, key);
      if (Array.isArray(container)) return this.#splice(container, Number(key), 1);
      const own = this.#own(container);
      Reflect.deleteProperty(own, key);
      return own;
    });
  }

  #replace(pointer: string, value: unknown): void {
    this.#at(pointer, (container, key) => {
      member(container, key);
      return this.#set(container, key, value);
    });
  }

  #move(from: string, path: string): void {
    const value = this.#get(from);
    if (from === path) return;
    if (`${path}/`.startsWith(`${from}/`)) refuse("a value can't be moved into itself.");
    // Copied at its full length, an array has room for what goes back into it.
    this.#at(from, (container) => this.#own(container));
    this.#remove(from);
    this.#add(path, value);
  }

  #copy(from: string, path: string): void {
    const value = this.#get(from);
    // It is in two places now. What is written to one must not show in the other, so nothing in it is ours any more.
    if (isContainer(value)) this.#owned = new Set([this.top]);
    this.#add(path, value);
  }

  #get(pointer: string): unknown {
    let value: unknown;
    this.#at(pointer, (container, key) => {
      value = member(container, key);
      return container;
    });
    return value;
  }

  /** Makes the edit at the place that `pointer` names [rfc6901 §3, §4]. */
  #at(pointer: string, edit: Edit): void {
    if (typeof pointer !== "string" || /^[^/]|~(?![01])/.test(pointer)) {
      refuse("path and from are JSON pointers.");
    }
    this.#walk(this.top, pointer, 0, edit);
  }

  /** Makes the edit where the rest of `pointer`, from `start` on, leads to from `container`. */
  #walk(container: unknown, pointer: string, start: number, edit: Edit): Container {
    const end = pointer.indexOf("/", start);
    const last = end < 0;
    const key = unescape(last ? pointer.slice(start) : pointer.slice(start, end));
    if (!isContainer(container)) refuse(`what should hold ${quote(key)} is neither object nor array.`);
    if (last) return edit(container, key);
    const child = member(container, key);
    const changed = this.#walk(child, pointer, end + 1, edit);
    return changed === child ? container : put(this.#own(container), key, changed);
  }

  #set(container: Container, key: string, value: unknown): Container {
    const kept = Object.hasOwn(container, key) && same((container as Members)[key], value, Object.is);
    return kept ? container : put(this.#own(container), key, value);
  }

  /** Copies and splices at once: made longer afterwards, a copy would be copied again. */
  #splice(array: unknown[], position: number, drop: number, ...values: unknown[]): Container {
    if (!this.#owned.has(array)) return this.#adopt(array.toSpliced(position, drop, ...values));
    array.splice(position, drop, ...values);
    return array;
  }

  #own(container: Container): Container {
    if (this.#owned.has(container)) return container;
    return this.#adopt(Array.isArray(container) ? container.slice() : { ...container });
  }

  #adopt(copy: Container): Container {
    this.#owned.add(copy);
    return copy;
  }
}

function unescape(key: string): string {
  return key.includes("~") ? key.replaceAll("~1", "/").replaceAll("~0", "~") : key;
}

function member(container: Container, key: string): unknown {
  if (Array.isArray(container)) return container[indexOf(key, container)];
  return Object.hasOwn(container, key) ? container[key] : refuse(`there is no ${quote(key)}.`);
}

/** The index that `key` stands for; `behind`: how many places behind the end exist too. */
function indexOf(key: string, array: readonly unknown[], behind = 0): number {
  if (/^(0|[1-9]\d*)$/.test(key) && Number(key) < array.length + behind) return Number(key);
  return refuse(`${quote(key)} is no index in an array of ${array.length}.`);
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

function given(value: unknown): unknown {
  return value === undefined ? refuse("it has no value.") : value;
}

/** Whether two values are the same JSON, in which the order of members means nothing; `alike` compares the rest. */
function same(one: unknown, other: unknown, alike: (one: unknown, other: unknown) => boolean): boolean {
  if (alike(one, other)) return true;
  if (!isContainer(one) || !isContainer(other) || Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && same(one[key], other[key], alike))
  );
}

/** How `test` compares: 0 equals -0. To replace one by the other is a change all the same, which `Object.is` sees. */
const byValue = (one: unknown, other: unknown): boolean => one === other;

const isContainer = (value: unknown): value is Members => typeof value === "object" && value !== null;

const quote = (value: unknown): string => (typeof value === "string" ? JSON.stringify(value) : typeof value);

function refuse(rule: string): never {
  throw new PatchError(rule);
}

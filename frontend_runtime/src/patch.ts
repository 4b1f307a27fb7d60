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
  if (!Array.isArray(operations)) throw new PatchError("A patch is an array of operations [rfc6902 §3].");
  const draft = new Draft(document);
  operations.forEach((operation: Operation, index) => {
    try {
      draft.run(operation);
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
      throw new PatchError(`Operation ${index}, ${JSON.stringify(operation?.op)}: ${error.message}`);
    }
  });
  return draft.top[""] as T;
}

type Members = Record<string, unknown>;
type Container = Members | unknown[];

/** Where an operation works: `container` is what all keys but the last lead to, as it was found. */
interface Place {
  readonly keys: readonly string[];
  readonly container: Container;
  readonly key: string;
}

/** A document under change. */
class Draft {
  /** The document is the only member of a container of ours: so the root is a place like any other. */
  readonly top: Members;
  /** The copies that this patch has made, and may therefore write to. What leads to one of them is one of them. */
  #owned: Set<unknown>;

  constructor(document: unknown) {
    this.top = { "": document };
    this.#owned = new Set([this.top]);
  }

  run(operation: Operation): void {
    switch (operation?.op) {
      case "add":
        return this.#add(operation.path, given(operation.value));
      case "remove":
        return void this.#remove(operation.path);
      case "replace":
        return this.#replace(this.#find(operation.path), given(operation.value));
      case "move":
        return this.#move(operation.from, operation.path);
      case "copy":
        return this.#copy(operation.from, operation.path);
      case "test":
        if (equal(present(this.#find(operation.path)), given(operation.value), byValue)) return;
        return refuse(`the value at ${JSON.stringify(operation.path)} is another one [rfc6902 §4.6].`);
      default:
        return refuse("an operation has an op: add, remove, replace, move, copy or test [rfc6902 §4].");
    }
  }

  #add(pointer: string, value: unknown): void {
    const place = this.#find(pointer);
    const { container, key } = place;
    if (!Array.isArray(container)) {
      if (Object.hasOwn(container, key)) this.#replace(place, value);
      else this.#write(place, value);
      return;
    }
    const position = key === "-" ? container.length : indexOf(key, container.length);
    if (this.#owned.has(container)) {
      container.splice(position, 0, value);
    } else {
      // Copied and made longer at once: a copy has no room to grow, so it would be copied a second time.
      const depth = place.keys.length - 2;
      this.#adopt(this.#open(place.keys, depth), place.keys[depth]!, container.toSpliced(position, 0, value));
    }
  }

  #remove(pointer: string): unknown {
    const place = this.#find(pointer);
    const value = present(place);
    if (place.container === this.top) refuse("the whole document can't be removed; replace it.");
    const container = this.#open(place.keys);
    if (Array.isArray(container)) container.splice(Number(place.key), 1);
    else Reflect.deleteProperty(container, place.key);
    return value;
  }

  #replace(place: Place, value: unknown): void {
    if (!equal(present(place), value, Object.is)) this.#write(place, value);
  }

  #move(from: string, path: string): void {
    if (from === path) return void present(this.#find(from));
    if (`${path}`.startsWith(`${from}/`)) refuse("a value can't be moved into itself [rfc6902 §4.4].");
    this.#add(path, this.#remove(from));
  }

  #copy(from: string, path: string): void {
    const value = present(this.#find(from));
    // It is in two places now. What is written to one must not show in the other, so nothing in it is ours any more.
    if (isContainer(value)) this.#owned = new Set([this.top]);
    this.#add(path, value);
  }

  #find(pointer: string): Place {
    const keys = keysOf(pointer);
    const key = keys.pop()!;
    let container: unknown = this.top;
    for (const step of keys) container = present({ keys, container: container as Container, key: step });
    keys.push(key);
    if (!isContainer(container)) refuse(`${JSON.stringify(key)} would be in a value that is neither object nor array.`);
    return { keys, container, key };
  }

  #write({ keys, key }: Place, value: unknown): void {
    put(this.#open(keys), key, value);
  }

  /** The container that the first `depth` keys lead to, all but the last if none is given, with all on the way ours. */
  #open(keys: readonly string[], depth = keys.length - 1): Container {
    let container: Container = this.top;
    for (let level = 0; level < depth; level++) {
      const key = keys[level]!;
      const child = (container as Members)[key] as Container;
      container = this.#owned.has(child)
        ? child
        : this.#adopt(container, key, Array.isArray(child) ? child.slice() : { ...child });
    }
    return container;
  }

  #adopt(container: Container, key: string, copy: Container): Container {
    put(container, key, copy);
    this.#owned.add(copy);
    return copy;
  }
}

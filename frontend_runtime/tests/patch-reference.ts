/** RFC 6902 at its plainest, one operation on a deep copy: what the tests of `applyPatch` compare with. */
import type { Operation } from "../src/patch";

export type Json = null | boolean | number | string | Json[] | Members;
export interface Members {
  [name: string]: Json;
}

export const isContainer = (value: unknown): value is Json[] | Members => typeof value === "object" && value !== null;

/** An object whose members are all its own, whatever their names. */
export function objectOf(members: Iterable<readonly [string, Json]>): Members {
  const object: Members = {};
  for (const [name, value] of members) define(object, name, value);
  return object;
}

export function deepCopy(value: Json): Json {
  if (Array.isArray(value)) return value.map(deepCopy);
  if (!isContainer(value)) return value;
  return objectOf(Object.entries(value).map(([name, child]) => [name, deepCopy(child)]));
}

export const escape = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** The document after `operation`; throws where [rfc6902] calls it an error. */
export function applyPlainly(document: Json, operation: Operation): Json {
  const root: Json[] = [deepCopy(document)];
  const keys = (pointer: string) => ["0", ...pointer.split("/").slice(1).map(unescape)];
  const find = (pointer: string): Json => keys(pointer).reduce<Json>(child, root);
  const parent = (pointer: string): Json => keys(pointer).slice(0, -1).reduce<Json>(child, root);
  const last = (pointer: string): string => keys(pointer).at(-1)!;

  const add = (pointer: string, value: Json) => {
    const container = parent(pointer);
    if (container === root) root[0] = value;
    else if (Array.isArray(container)) container.splice(indexOf(last(pointer), container.length, true), 0, value);
    else if (isContainer(container)) define(container, last(pointer), value);
    else throw new Error("no container");
  };
  const remove = (pointer: string) => {
    const container = parent(pointer) as Json[] | Members;
    find(pointer);
    if (container === root) throw new Error("the root");
    if (Array.isArray(container)) container.splice(Number(last(pointer)), 1);
    else Reflect.deleteProperty(container, last(pointer));
  };

  switch (operation.op) {
    case "add":
      add(operation.path, deepCopy(operation.value as Json));
      break;
    case "replace":
      find(operation.path);
      if (operation.path !== "") remove(operation.path);
      add(operation.path, deepCopy(operation.value as Json));
      break;
    case "remove":
      remove(operation.path);
      break;
    case "move": {
      const value = find(operation.from);
      if (operation.path.startsWith(`${operation.from}/`)) throw new Error("into itself");
      if (operation.path === operation.from) break;
      remove(operation.from);
      add(operation.path, value);
      break;
    }
    case "copy":
      add(operation.path, deepCopy(find(operation.from)));
      break;
    case "test":
      if (canonical(find(operation.path)) !== canonical(operation.value as Json)) throw new Error("differs");
  }
  return root[0]!;
}

function define(object: object, name: string, value: Json): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

const unescape = (key: string): string => key.replaceAll("~1", "/").replaceAll("~0", "~");

function child(container: Json, key: string): Json {
  if (Array.isArray(container)) return container[indexOf(key, container.length, false)]!;
  if (!isContainer(container) || !Object.keys(container).includes(key)) throw new Error("not there");
  return Object.getOwnPropertyDescriptor(container, key)!.value as Json;
}

function indexOf(key: string, length: number, adding: boolean): number {
  const indices = Array.from({ length: adding ? length + 1 : length }, (_, index) => String(index));
  if (adding && key === "-") return length;
  if (!indices.includes(key)) throw new Error("no index");
  return Number(key);
}

/** JSON text that is the same for equal values [rfc6902 §4.6]; that of -0 is "0". */
function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isContainer(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, held]) => `${JSON.stringify(name)}:${canonical(held)}`);
  return `{${members.sort().join()}}`;
}

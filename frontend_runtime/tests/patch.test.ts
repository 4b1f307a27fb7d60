/** What a user interface needs beyond RFC 6902: identity, immutability, names that are only names, good messages. */
import fc from "fast-check";
import jsonPatch, { type Operation as OtherOperation } from "fast-json-patch";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";

import { applyPatch, PatchError, type Operation } from "../src/patch";
import { applyPlainly, deepCopy, escape, isContainer, objectOf, type Json } from "./patch-reference";

function deepFreeze<T>(value: T): T {
  if (isContainer(value)) for (const child of Object.values<unknown>(Object.freeze(value))) deepFreeze(child);
  return value;
}

/** Everything within `value`, itself included, by its pointer. */
function places(value: Json, pointer = "", found = new Map<string, Json>()): Map<string, Json> {
  found.set(pointer, value);
  if (isContainer(value)) {
    for (const [key, child] of Object.entries<Json>(value)) {
      places(child, `${pointer}/${escape(key)}`, found);
    }
  }
  return found;
}

/** Vitest's own equality looks at `constructor`, which is a name like any other here. */
function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) {
    expect.fail(`${JSON.stringify(actual)} is not ${JSON.stringify(expected)}, or 0 is not -0`);
  }
}

const BROKEN = Symbol("an error");
const attempt = (work: () => Json): Json | typeof BROKEN => {
  try {
    return work();
  } catch {
    return BROKEN;
  }
};

// --- documents, and operations that fit them -------------------------------------------------

const HOSTILE = ["__proto__", "constructor", "prototype", "toString", "valueOf", "", "-", "0", "01", "a/b", "~", "~1"];
const plainNames = fc.constantFrom("a", "b", "c");
const anyNames = fc.oneof({ weight: 3, arbitrary: plainNames }, fc.constantFrom(...HOSTILE), fc.string());

const jsonWith = (names: fc.Arbitrary<string>, ...more: Json[]): fc.Arbitrary<Json> =>
  fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<Json[]>(null, true, false, 0, 1, 1.5, "", "x", ...more),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.array(fc.tuple(names, tie("value")), { maxLength: 4 }).map(objectOf),
    ),
  })).value;
const json = jsonWith(anyNames, -0);
/** What other libraries agree upon: without -0, which they take for 0, and names that they refuse. */
const plainJson = jsonWith(plainNames);

const intent = fc.record({
  op: fc.constantFrom("add", "replace", "remove", "move", "copy", "test" as const),
  from: fc.nat(),
  to: fc.nat(),
  name: anyNames,
  value: json,
});
type Intent = typeof intent extends fc.Arbitrary<infer T> ? T : never;

/** An operation for `document`: what it reads is there, and where it writes is mostly possible. */
function operationFor(document: Json, { op, from, to, name, value }: Intent): Operation {
  const all = [...places(document)];
  const [source, held] = all[from % all.length]!;
  const [parent, container] = all[to % all.length]!;
  const path = `${parent}/${Array.isArray(container) ? to % (container.length + 1) : escape(name)}`;
  if (op === "add") return { op, path: isContainer(container) ? path : parent, value };
  if (op === "replace") return { op, path: source, value };
  if (op === "remove") return { op, path: source };
  // Every fourth compares with something else.
  if (op === "test") return { op, path: source, value: to % 4 ? deepCopy(held) : value };
  return { op, from: source, path: to % 3 ? path : source };
}

/** A patch of what applies of `intents`, each to what the ones before it lead to; and all that the reference says. */
function patchFor(document: Json, intents: Intent[]): { patch: Operation[]; states: Json[]; refused: number } {
  const patch: Operation[] = [];
  const states = [document];
  let refused = 0;
  for (const each of intents) {
    const state = states.at(-1)!;
    const operation = operationFor(state, each);
    const next = attempt(() => applyPlainly(state, operation));
    if (next === BROKEN) {
      refused++;
      expect(() => applyPatch(state, [operation])).toThrow(PatchError);
    } else {
      patch.push(operation);
      states.push(next);
    }
  }
  return { patch, states, refused };
}

// --- properties -----------------------------------------------------------------------------

describe("any patch", () => {
  test("gives what the reference gives, refuses what it refuses, and writes to nothing", () => {
    let applied = 0;
    let refused = 0;
    fc.assert(
      fc.property(json, fc.array(intent, { maxLength: 12 }), (document, intents) => {
        const made = patchFor(document, intents);
        applied += made.patch.length;
        refused += made.refused;
        // Frozen, not only compared: to write to them throws.
        expectSame(applyPatch(deepFreeze(document), deepFreeze(made.patch)), made.states.at(-1));
      }),
      { numRuns: 1500 },
    );
    expect(applied).toBeGreaterThan(1500);
    expect(refused).toBeGreaterThan(150);
  });

  test("gives what fast-json-patch gives, of operations that it applies by the RFC", () => {
    const plain = fc.tuple(intent, plainNames, plainJson).map(([each, name, value]) => ({ ...each, name, value }));
    fc.assert(
      fc.property(plainJson, fc.array(plain, { maxLength: 6 }), (document, intents) => {
        const { patch, states } = patchFor(document, intents);
        const { newDocument } = jsonPatch.applyPatch(deepCopy(document), structuredClone(patch) as OtherOperation[]);
        expectSame(applyPatch(document, patch), newDocument);
        expectSame(newDocument, states.at(-1));
      }),
      { numRuns: 500 },
    );
  });

  test("is applied whole or not at all", () => {
    fc.assert(
      fc.property(json, fc.array(intent, { maxLength: 6 }), (document, intents) => {
        const { patch } = patchFor(document, intents);
        const before = deepCopy(document);
        const broken: Operation[] = [...patch, { op: "test", path: "", value: "nothing is this" }];
        expect(() => applyPatch(document, broken)).toThrow(`Operation ${patch.length}: the value differs.`);
        expectSame(document, before);
      }),
    );
  });

  test("shares with its input all that it does not lead through", () => {
    let shared = 0;
    fc.assert(
      fc.property(json, json, fc.nat(), (document, value, choice) => {
        const all = [...places(document)];
        const [pointer] = all[choice % all.length]!;
        const after = places(applyPatch(document, [{ op: "replace", path: pointer, value }]));
        for (const [place, before] of all) {
          if (`${pointer}/`.startsWith(`${place}/`) || place.startsWith(`${pointer}/`)) continue;
          expect(after.get(place)).toBe(before);
          if (isContainer(before)) shared++;
        }
      }),
      { numRuns: 500 },
    );
    expect(shared).toBeGreaterThan(150);
  });

  test("that replaces all by its equals gives its very input", () => {
    fc.assert(
      fc.property(json, (document) => {
        const patch = [...places(document)].map(([path, value]): Operation => {
          return { op: "replace", path, value: deepCopy(value) };
        });
        expect(applyPatch(document, patch)).toBe(document);
      }),
    );
  });

  test("and the one back give the document that was", () => {
    fc.assert(
      fc.property(plainJson, plainJson, (one, other) => {
        const [before, after] = [{ state: one }, { state: other }];
        const there = applyPatch(before, jsonPatch.compare(before, after) as Operation[]);
        expect(applyPatch(there, jsonPatch.compare(after, before) as Operation[])).toEqual(before);
      }),
    );
  });

  test("that is none is refused as such", () => {
    const operation = fc.record({ op: fc.oneof(intent, json), path: json, from: json, value: json });
    fc.assert(
      fc.property(json, fc.oneof(json, fc.array(fc.oneof(operation, json))), (document, patch) => {
        try {
          applyPatch(document, patch as unknown as Operation[]);
        } catch (error) {
          expect(error).toBeInstanceOf(PatchError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

// --- identity -------------------------------------------------------------------------------

describe("identity", () => {
  const document = () => ({
    owner: { id: 1, name: "Ada" },
    tasks: [1, 2, 3].map((id) => ({ id, title: `Task ${id}`, comments: [{ id: 10 * id }], meta: {} })),
  });

  test("changes from the changed member up to the root, and nowhere else", () => {
    const before = document();
    const after = applyPatch(before, [{ op: "replace", path: "/tasks/1/title", value: "New" }]);
    expect(after).not.toBe(before);
    expect(after.tasks).not.toBe(before.tasks);
    expect(after.tasks[1]).not.toBe(before.tasks[1]);
    expect(after.tasks[1]!.comments).toBe(before.tasks[1]!.comments);
    expect(after.tasks[0]).toBe(before.tasks[0]);
    expect(after.tasks[2]).toBe(before.tasks[2]);
    expect(after.owner).toBe(before.owner);
  });

  test("goes with what is moved, also within an array", () => {
    const before = document();
    const after = applyPatch(before, [{ op: "move", from: "/tasks/0", path: "/tasks/2" }]);
    expect(after.tasks.map((task) => before.tasks.indexOf(task))).toEqual([1, 2, 0]);
    expect(before.tasks.map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  test("is that of the input where nothing changes", () => {
    const before = document();
    const none: Operation[] = [
      { op: "test", path: "/tasks/0/id", value: 1 },
      { op: "replace", path: "/tasks/0", value: structuredClone(before.tasks[0]) },
      { op: "add", path: "/owner", value: { name: "Ada", id: 1 } },
      { op: "move", from: "/tasks/1", path: "/tasks/1" },
      { op: "replace", path: "", value: document() },
    ];
    expect(applyPatch(before, none)).toBe(before);
    expect(applyPatch(before, [])).toBe(before);
  });

  test("of an inserted value is its own", () => {
    const value = { id: 4, title: "Task 4", comments: [], meta: {} };
    expect(applyPatch(document(), [{ op: "add", path: "/tasks/-", value }]).tasks[3]).toBe(value);
  });

  test("of an inserted value is not kept where a later operation changes it", () => {
    const value = deepFreeze({ id: 4, comments: [{ id: 40 }] });
    const after = applyPatch<{ tasks: unknown[] }>({ tasks: [] }, [
      { op: "add", path: "/tasks/0", value },
      { op: "add", path: "/tasks/1", value },
      { op: "add", path: "/tasks/0/comments/-", value: { id: 41 } },
    ]);
    expect(after).toEqual({
      tasks: [
        { id: 4, comments: [{ id: 40 }, { id: 41 }] },
        { id: 4, comments: [{ id: 40 }] },
      ],
    });
    expect(after.tasks[1]).toBe(value);
  });

  test("is shared by a copy until one of the two changes, even if the patch had changed the original before", () => {
    const after = applyPatch<Record<string, { x: number[] }>>({ a: { x: [1] } }, [
      { op: "add", path: "/a/x/-", value: 2 },
      { op: "copy", from: "/a", path: "/b" },
      { op: "copy", from: "/a", path: "/c" },
      { op: "add", path: "/a/x/-", value: 3 },
      { op: "remove", path: "/b/x/0" },
    ]);
    expect(after).toEqual({ a: { x: [1, 2, 3] }, b: { x: [2] }, c: { x: [1, 2] } });
  });

  test("of each container changes once in a patch, however many operations change it", () => {
    const asked: PropertyKey[] = [];
    const rows = new Proxy<number[]>([], {
      get(target, key, receiver) {
        if (typeof target[key as keyof number[]] === "function" && key !== "constructor") asked.push(key);
        return Reflect.get(target, key, receiver) as unknown;
      },
    });
    const patch = Array.from({ length: 50 }, (_, i): Operation => ({ op: "add", path: `/rows/${i}`, value: i }));
    expect(applyPatch({ rows }, patch).rows).toHaveLength(50);
    // What the patch has copied, it writes to: the original is not asked for a second copy.
    expect(asked).toEqual(["toSpliced"]);
  });

  test("tells -0 from 0, which a test does not", () => {
    expect(Object.is(applyPatch([0], [{ op: "replace", path: "/0", value: -0 }])[0], -0)).toBe(true);
    expect(applyPatch([0], [{ op: "test", path: "/0", value: -0 }])).toEqual([0]);
  });
});

// --- names that are only names -----------------------------------------------------------------

describe("hostile names", () => {
  const parse = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

  test.each(["__proto__", "constructor", "toString"])("%s is a member that comes, changes and goes", (name) => {
    const path = `/${name}`;
    const added = applyPatch<object>({}, [{ op: "add", path, value: { polluted: true } }]);
    expect(Object.keys(added)).toEqual([name]);
    expect(JSON.stringify(added)).toBe(`{"${name}":{"polluted":true}}`);
    expect(Object.getPrototypeOf(added)).toBe(Object.prototype);
    const deeper = applyPatch(added, [{ op: "add", path: `${path}/more`, value: 1 }]);
    expect(JSON.stringify(deeper)).toBe(`{"${name}":{"polluted":true,"more":1}}`);
    expect(applyPatch(deeper, [{ op: "remove", path }])).toEqual({});
    expect({}).not.toHaveProperty("polluted");
  });

  test.each([
    "/__proto__/polluted",
    "/constructor/prototype/polluted",
    "/toString/polluted",
    "/list/__proto__/polluted",
    "/list/constructor/polluted",
    "/list/length",
  ])("%s leads nowhere where no such member is", (path) => {
    for (const op of ["add", "replace"] as const) {
      expect(() => applyPatch({ list: [] }, [{ op, path, value: 1 }])).toThrow(PatchError);
    }
    expect({}).not.toHaveProperty("polluted");
    expect([]).not.toHaveProperty("polluted");
  });

  test("a member __proto__ survives the copy of its object", () => {
    const before = parse('{"__proto__": {"a": 1}, "b": 1}');
    const after = applyPatch(before, [{ op: "replace", path: "/b", value: 2 }]);
    expect(JSON.stringify(after)).toBe('{"__proto__":{"a":1},"b":2}');
    const own = (object: object) => Object.getOwnPropertyDescriptor(object, "__proto__")?.value as unknown;
    expect(own(after)).toBe(own(before));
  });

  test("a member __proto__ is added, changed and removed like any other, also in what was copied already", () => {
    const state = deepFreeze(parse('{"rows": [{"a": 1}], "b": 1}'));
    const path = "/rows/0/__proto__";
    const added: Operation[] = [
      { op: "replace", path: "/rows/0/a", value: 2 },
      { op: "add", path, value: { c: 1 } },
      { op: "add", path: `${path}/d`, value: 2 },
      { op: "replace", path: "/rows/0/a", value: 3 },
    ];
    const after = applyPatch(state, added);
    expect(JSON.stringify(after)).toBe('{"rows":[{"a":3,"__proto__":{"c":1,"d":2}}],"b":1}');
    const replaced = applyPatch(state, [...added, { op: "replace", path, value: null }]);
    expect(JSON.stringify(replaced)).toBe('{"rows":[{"a":3,"__proto__":null}],"b":1}');
    const removed = applyPatch(after, [{ op: "remove", path }]);
    expect(JSON.stringify(removed)).toBe('{"rows":[{"a":3}],"b":1}');
    expect(JSON.stringify(state)).toBe('{"rows":[{"a":1}],"b":1}');
    expect(JSON.stringify(after)).toBe('{"rows":[{"a":3,"__proto__":{"c":1,"d":2}}],"b":1}');
  });

  test("equality asks for a member of its own", () => {
    expect(() => applyPatch({ a: {} }, [{ op: "test", path: "/a", value: parse('{"__proto__": {}}') }])).toThrow();
    const after = applyPatch({ a: { b: 1 } }, [{ op: "replace", path: "/a", value: { toString: 1 } }]);
    expect(JSON.stringify(after)).toBe('{"a":{"toString":1}}');
  });
});

// --- messages -------------------------------------------------------------------------------

test.each<[unknown, string]>([
  ["[]", "A patch is an array of operations."],
  [[null], "Operation 0: there is no such op."],
  [[{ op: "spam", path: "/a" }], "Operation 0: there is no such op"],
  [[{ op: "add", path: "/a" }], "Operation 0: there is no value."],
  [[{ op: "remove", path: "a" }], "Operation 0: that is no JSON pointer."],
  [[{ op: "remove", path: ["/a"] }], "Operation 0: that is no JSON pointer"],
  [[{ op: "remove", path: "/b" }], 'Operation 0: there is no "b".'],
  [[{ op: "remove", path: "/rows/2" }], 'Operation 0: there is no "2".'],
  [[{ op: "add", path: "/rows/01", value: 1 }], 'there is no "01".'],
  [[{ op: "add", path: "/a/b", value: 1 }], 'there is no "b".'],
  [[{ op: "remove", path: "" }], "the document can't be removed."],
  [[{ op: "move", from: "/rows", path: "/rows/0" }], "it can't be moved into itself."],
  [[{ op: "move", from: "/rows/0", path: { toString: 1 } }], "Operation 0: "],
  [
    [
      { op: "test", path: "/a", value: 1 },
      { op: "test", path: "/a", value: 2 },
    ],
    "Operation 1: the value differs.",
  ],
])("%j is refused: %s", (patch, message) => {
  const document = deepFreeze({ a: 1, rows: [1, 2] });
  expect(() => applyPatch(document, patch as Operation[])).toThrow(PatchError);
  expect(() => applyPatch(document, patch as Operation[])).toThrow(message);
});

import { describe, expect, test } from "vitest";
import type { Phase, Signal } from "../src/stream-state";
import { fc, test as property } from "./property";
import { Reader } from "./reader";

const STATE = { n: 1 };
const RETRY = 2_000;

/** A reader in each phase, with a state and without an idea of what comes next. */
const IN: Record<Phase, () => Reader> = {
  idle: () => new Reader({ state: STATE, cursor: "e.1" }),
  connecting: () => IN.idle().send({ type: "start" }),
  resuming: () => IN.connecting().send({ type: "opened" }),
  live: () => IN.resuming().event("mark", { cursor: "e.1" }),
  awaiting: () => IN.live().event("reset", {}),
  paused: () => IN.live().send({ type: "failed", failure: {} }),
  closed: () => IN.live().event("gone", {}),
};
const PHASES = Object.keys(IN) as Phase[];

test.each(PHASES)("a reader can be %s", (phase) => {
  expect(IN[phase]().machine.phase).toBe(phase);
});

describe("what a phase doesn't know leaves it alone", () => {
  const opened: Signal[] = [{ type: "opened" }];
  const messages: Signal[] = [
    { type: "snapshot", cursor: "f.1", state: 2 },
    { type: "patch", cursor: "e.2", operations: [], text: "[]" },
    { type: "mark", cursor: "x" },
    { type: "reset" },
    { type: "gone" },
    { type: "revoked", reason: "" },
    { type: "bye", retry: 1 },
    { type: "retry", milliseconds: 1 },
    { type: "application", event: "x", body: 1 },
    { type: "malformed", fatal: true },
  ];
  const failed: Signal = { type: "failed", failure: { status: 403 } };
  const wake: Signal = { type: "wake", suspect: true };
  const UNKNOWN: Record<Phase, Signal[]> = {
    idle: [...messages, ...opened, failed, wake, { type: "tick" }, { type: "stop" }],
    paused: [...messages, ...opened, failed],
    connecting: [...messages, { type: "start" }],
    resuming: [{ type: "start" }, ...opened],
    awaiting: [{ type: "start" }, ...opened],
    live: [{ type: "start" }, ...opened],
    closed: [...messages, ...opened, failed, wake, { type: "tick" }, { type: "stop" }],
  };
  test.each(PHASES)("%s", (phase) => {
    const reader = IN[phase]();
    const { machine } = reader;
    for (const signal of UNKNOWN[phase]) {
      reader.send(signal);
      expect(reader.machine, signal.type).toBe(machine);
    }
  });
});

describe("pauses", () => {
  function failing(reader: Reader, times: number): number[] {
    return Array.from({ length: times }, () => {
      if (reader.machine.phase === "idle") reader.send({ type: "start" });
      reader.send({ type: "failed", failure: {} });
      const pause = reader.machine.deadline - reader.now;
      reader.now = reader.machine.deadline;
      reader.send({ type: "tick" });
      return pause;
    });
  }

  test("grow up to a quarter of a minute, before chance", () => {
    expect(failing(IN.idle(), 6)).toEqual([2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  });

  property("chance doubles them at most", [fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })], (random) => {
    const reader = IN.idle();
    reader.random = random;
    const longest = [2, 4, 8, 15, 15].map((seconds) => Math.ceil(seconds * 1_000 + seconds * 1_000 * random));
    expect(failing(reader, 5)).toEqual(longest);
  });

  test("begin with what the server wants, even if that is more", () => {
    const reader = IN.live().send({ type: "retry", milliseconds: 60_000 });
    reader.send({ type: "failed", failure: {} });
    expect(failing(reader, 1)).toEqual([60_000]);
  });

  test("go on growing where connections are short, and begin anew after a good one", () => {
    const reader = IN.live().send({ type: "failed", failure: {} });
    reader.connect().event("mark", { cursor: "e.1" });
    reader.now += 9_999;
    expect(failing(reader, 1)).toEqual([4_000]);
    reader.send({ type: "opened" }).event("mark", { cursor: "e.1" });
    reader.now += 10_000;
    expect(failing(reader, 1)).toEqual([2_000]);
  });

  test("are the longest while the browser says that it is offline", () => {
    const reader = IN.idle();
    reader.online = false;
    expect(failing(reader, 2)).toEqual([15_000, 15_000]);
  });

  test("last at least as long as Retry-After says", () => {
    for (const status of [429, 503]) {
      const reader = IN.connecting().send({ type: "failed", failure: { status, retryAfter: 7_000 } });
      expect(reader.machine).toMatchObject({
        phase: "paused",
        deadline: reader.now + 7_000,
        error: { code: "busy", status },
      });
    }
  });

  test("last as long as bye says, and bye is no failure", () => {
    const reader = IN.live();
    reader.random = 0.9;
    reader.event("bye", { retry: 3_100 });
    expect(reader.machine).toMatchObject({ phase: "paused", deadline: reader.now + 3_100, error: null, failures: 0 });
    const other = IN.live().event("bye", {});
    expect(other.machine).toMatchObject({ phase: "paused", deadline: other.now + RETRY });
  });

  test("are not waited for when somebody asks", () => {
    expect(IN.paused().send({ type: "start" }).machine.phase).toBe("connecting");
  });

  test("are not made longer by a clock that is set back", () => {
    const reader = IN.paused();
    reader.now -= 3_600_000;
    expect(reader.send({ type: "tick" }).machine.phase).toBe("connecting");
  });

  test("end with their time, not before", () => {
    const reader = IN.paused();
    reader.now += RETRY - 1;
    expect(reader.send({ type: "tick" }).machine.phase).toBe("paused");
    reader.now += 1;
    expect(reader.send({ type: "tick" }).machine.phase).toBe("connecting");
  });
});

describe("what the server refuses", () => {
  test.each([
    [403, "forbidden", undefined],
    [401, "unauthenticated", undefined],
    [404, "not-found", STATE],
    [406, "refused", STATE],
    [400, "refused", STATE],
  ] as const)("%i closes", (status, code, state) => {
    const { machine } = IN.connecting().send({ type: "failed", failure: { status } });
    expect(machine).toMatchObject({ phase: "closed", error: { code, status }, deadline: Infinity });
    expect(machine.state).toEqual(state);
    expect(machine.cursor).toBe(state ? "e.1" : null);
  });

  test.each([200, 204, 302, 408, 425, 500, 502, 504])("%i is tried again", (status) => {
    const { machine } = IN.connecting().send({ type: "failed", failure: { status } });
    expect(machine).toMatchObject({ phase: "paused", error: { code: "unreachable", status }, state: STATE });
  });

  test("401 is answered once with a fresh token", () => {
    const reader = new Reader({ state: STATE, cursor: "e.1" }, true).send({ type: "start" });
    const refuse: Signal = { type: "failed", failure: { status: 401 } };
    expect(reader.send(refuse).machine).toMatchObject({ phase: "connecting", attempt: 2 });
    // It has worked: the next 401, hours later, is another matter.
    reader.send({ type: "opened" }).event("mark", { cursor: "e.1" }).send({ type: "failed", failure: {} });
    reader.send({ type: "start" });
    expect(reader.send(refuse).machine.phase).toBe("connecting");
    expect(reader.send(refuse).machine).toMatchObject({ phase: "closed", error: { code: "unauthenticated" } });
  });

  test("a human being may try again", () => {
    const reader = IN.connecting().send({ type: "failed", failure: { status: 403 } });
    expect(reader.send({ type: "start" }).machine).toMatchObject({ phase: "connecting", error: null });
  });

  test("revoked drops the state, gone keeps it", () => {
    for (const reason of ["permission", ""]) {
      const { machine } = IN.live().event("revoked", { reason });
      expect(machine).toMatchObject({ phase: "closed", cursor: null, error: { code: "revoked" } });
      expect(machine.state).toBeUndefined();
    }
    expect(IN.closed().machine).toMatchObject({ state: STATE, cursor: "e.1", error: { code: "gone" } });
  });
});

describe("what breaks the protocol", () => {
  test("is mended at once, but not again and again", () => {
    const reader = IN.live().event("patch", [], "e.3");
    expect(reader.machine).toMatchObject({ phase: "connecting", cursor: "e.1", error: { code: "protocol" } });
    reader.send({ type: "opened" }).event("patch", [], "e.3");
    expect(reader.machine).toMatchObject({ phase: "paused", cursor: "e.1", deadline: reader.now + 2 * RETRY });
    reader.now = reader.machine.deadline;
    reader.send({ type: "tick" }).send({ type: "opened" }).event("patch", [], "e.2");
    expect(reader.machine).toMatchObject({ phase: "live", cursor: "e.2", error: null });
  });

  test("an unreadable event of the application's is a sign of life", () => {
    const reader = IN.live();
    reader.now += 10_000;
    reader.receive({ event: "confetti", id: undefined, data: "x{" });
    expect(reader.machine).toMatchObject({ phase: "live", deadline: reader.now + 45_000 });
  });

  test("a mark after reset is not compared", () => {
    expect(IN.awaiting().event("mark", { cursor: "e.9" }).machine.phase).toBe("awaiting");
  });
});

describe("silence", () => {
  test.each(["connecting", "resuming", "awaiting", "live"] as const)("of three marks ends %s", (phase) => {
    const reader = IN[phase]();
    reader.now += 44_999;
    const { machine } = reader;
    expect(reader.send({ type: "tick" }).machine).toBe(machine);
    reader.now += 1;
    expect(reader.send({ type: "tick" }).machine).toMatchObject({ phase: "paused", error: { code: "unreachable" } });
  });

  test.each([
    ["mark", { cursor: "e.1" }, undefined],
    ["mark", { cursor: null }, undefined],
    ["patch", [], "e.1"],
    ["confetti", 1, undefined],
    ["snapshot", 1, "f.1"],
  ])("is broken by %s %j", (name, content, id) => {
    const reader = IN.live();
    reader.now += 44_000;
    reader.event(name, content, id);
    reader.now += 44_000;
    expect(reader.send({ type: "tick" }).machine.phase).toBe("live");
  });

  test("a clock that is set back doesn't make it last longer", () => {
    const reader = IN.live();
    reader.now -= 3_600_000;
    reader.send({ type: "tick" });
    reader.now += 45_000;
    expect(reader.send({ type: "tick" }).machine.phase).toBe("paused");
  });
});

describe("waking up", () => {
  const LOOKED_AT: Signal = { type: "wake", suspect: false };
  const THAWED: Signal = { type: "wake", suspect: true };

  test("leaves a connection alone that was heard of lately", () => {
    const reader = IN.live();
    reader.now += 22_000;
    const { machine } = reader;
    expect(reader.send(LOOKED_AT).machine).toBe(machine);
  });

  test("replaces one whose mark is overdue, and any after being frozen", () => {
    const slept = IN.live();
    slept.now += 23_000;
    expect(slept.send(LOOKED_AT).machine).toMatchObject({ phase: "connecting", attempt: 2, cursor: "e.1" });
    expect(IN.live().send(THAWED).machine).toMatchObject({ phase: "connecting", attempt: 2 });
  });

  test("ends a pause, unless the server has asked for it", () => {
    expect(IN.paused().send(LOOKED_AT).machine.phase).toBe("connecting");
    expect(IN.live().event("bye", { retry: 5_000 }).send(THAWED).machine.phase).toBe("paused");
    const busy = IN.connecting().send({ type: "failed", failure: { status: 503, retryAfter: 9_000 } });
    expect(busy.send(LOOKED_AT).machine.phase).toBe("paused");
  });
});

test("times of connection and of none", () => {
  const reader = new Reader().send({ type: "start" });
  expect(reader.machine).toMatchObject({ connectedSince: null, noConnectionSince: new Date(reader.now) });
  const begin = new Date(reader.now);
  reader.now += 500;
  reader.send({ type: "failed", failure: {} });
  expect(reader.machine.noConnectionSince).toEqual(begin);
  reader.connect();
  expect(reader.machine).toMatchObject({
    connectedSince: new Date(reader.now),
    noConnectionSince: null,
    phase: "awaiting",
  });
  reader.send({ type: "stop" });
  expect(reader.machine).toMatchObject({
    phase: "idle",
    connectedSince: null,
    noConnectionSince: null,
    deadline: Infinity,
  });
});

test("without a cursor nothing but a snapshot helps", () => {
  const reader = new Reader().connect();
  expect(reader.machine.phase).toBe("awaiting");
  // A server that says so believes that it has sent one: if it was lost, waiting for it must end.
  reader.now += 45_000;
  reader.event("mark", { cursor: "e.4" });
  expect(reader.machine.phase).toBe("awaiting");
  expect(reader.send({ type: "tick" }).machine.phase).toBe("paused");
  reader.connect();
  reader.event("snapshot", null, "e.4");
  expect(reader.machine).toMatchObject({ phase: "live", state: null, cursor: "e.4" });
});

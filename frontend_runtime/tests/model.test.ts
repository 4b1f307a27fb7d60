/**
 * Whatever happens on the way, a client shows nothing that was not some revision of the server, calls nothing vouched
 * for that isn't, and is at the server's state in the end.
 */
import { applyPatch as apply } from "rfc6902";
import { expect } from "vitest";
import { fc, test as property } from "./property";
import { Reader } from "./reader";
import type { Operation } from "../src/patch";

type Json = unknown;
interface Row {
  id: number;
  n: number;
  tags: string[];
}
interface Revision {
  cursor: string;
  state: Json;
  patch: Operation[];
}
interface Sent {
  event: string;
  content: Json;
  id?: string | undefined;
}

/** A server that follows PROTOCOL; `wire` is what it has sent and the client has not got yet. */
class Server {
  #epoch = 1;
  #history: Revision[] = [{ cursor: "e1.0", state: { rows: [] }, patch: [] }];
  /** As text, every state that ever was. */
  readonly everything = new Map<string, string>([["e1.0", '{"rows":[]}']]);
  wire: Sent[] = [];

  get head(): Revision {
    return this.#history.at(-1)!;
  }

  commit(patch: Operation[], connected: boolean): void {
    // The oracle is another library, and works on a copy of its own.
    const state = structuredClone(this.head.state);
    for (const error of apply(state, structuredClone(patch))) expect(error).toBeNull();
    const cursor = `e${String(this.#epoch)}.${String(this.#history.length)}`;
    this.#history.push({ cursor, state, patch });
    this.everything.set(cursor, JSON.stringify(state));
    if (connected) this.wire.push({ event: "patch", content: patch, id: cursor });
  }

  /** History breaks: a cache was lost. */
  restart(connected: boolean): void {
    this.#epoch += 1;
    const { state } = this.head;
    this.#history = [{ cursor: `e${String(this.#epoch)}.0`, state, patch: [] }];
    this.everything.set(this.head.cursor, JSON.stringify(state));
    if (connected) this.reset();
  }

  reset(): void {
    this.wire.push({ event: "reset", content: { reason: "whatever" } });
    this.#snapshot();
  }

  /** What a new connection gets: PROTOCOL, "Resuming". */
  open(cursor: string | null): void {
    this.wire = [];
    if (cursor === null) return this.#snapshot();
    const index = this.#history.findIndex((revision) => revision.cursor === cursor);
    if (index < 0) return this.reset();
    const missed = this.#history.slice(index + 1);
    if (missed.length === 0) this.mark();
    for (const { patch, cursor: id } of missed) this.wire.push({ event: "patch", content: patch, id });
  }

  mark(): void {
    this.wire.push({ event: "mark", content: { cursor: this.head.cursor } });
  }

  #snapshot(): void {
    this.wire.push({ event: "snapshot", content: this.head.state, id: this.head.cursor });
  }
}

type Move =
  | { type: "commit"; choice: number; value: number }
  | { type: "deliver"; count: number }
  | { type: "drop" | "duplicate" | "swap"; at: number }
  | { type: "garble"; at: number; data: string }
  | { type: "lose" | "open" | "restart" | "reset" | "mark" | "sleep" | "leave" | "bye" };

const natural = fc.nat({ max: 20 });
const moves = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ type: fc.constant("commit" as const), choice: natural, value: natural }) },
    {
      weight: 6,
      arbitrary: fc.record({ type: fc.constant("deliver" as const), count: fc.integer({ min: 1, max: 4 }) }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("drop", "duplicate", "swap"), at: natural }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("garble" as const), at: natural, data: fc.json() }) },
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constantFrom("lose", "open", "open", "open", "restart", "reset", "mark", "sleep", "leave", "bye"),
      }),
    },
  ),
  { maxLength: 60 },
);

/** A patch that fits the state, of every kind that a server sends. */
function patchFor(state: Json, choice: number, value: number): Operation[] {
  const { rows } = state as { rows: Row[] };
  const row: Row = { id: value, n: 0, tags: ["a"] };
  if (rows.length === 0) return [{ op: "add", path: "/rows/0", value: row }];
  const at = `/rows/${String(choice % rows.length)}`;
  const PATCHES: Operation[][] = [
    [{ op: "add", path: `/rows/${String(value % (rows.length + 1))}`, value: row }],
    [{ op: "replace", path: `${at}/n`, value }],
    [{ op: "remove", path: at }],
    [{ op: "move", from: at, path: `/rows/${String(value % rows.length)}` }],
    [
      { op: "add", path: `${at}/tags/-`, value: "b" },
      { op: "replace", path: `${at}/id`, value },
    ],
    [],
  ];
  return PATCHES[value % PATCHES.length]!;
}

const isOpen = ({ machine: { phase } }: Reader): boolean => ["resuming", "awaiting", "live"].includes(phase);

function play(server: Server, reader: Reader, move: Move): void {
  const connected = isOpen(reader);
  const { wire } = server;
  const at = "at" in move && wire.length > 0 ? move.at % wire.length : -1;
  switch (move.type) {
    case "commit":
      return server.commit(patchFor(server.head.state, move.choice, move.value), connected);
    case "restart":
      return server.restart(connected);
    case "reset":
    case "mark":
      return connected ? server[move.type]() : undefined;
    case "bye":
      if (connected) wire.push({ event: "bye", content: { retry: 100 } });
      return;
    case "open":
      return connected ? undefined : connect(server, reader);
    case "lose":
      reader.send({ type: "failed", failure: {} });
      return;
    case "leave":
      reader.send({ type: "stop" });
      return;
    case "sleep":
      reader.now += 60_000;
      reader.send({ type: "tick" });
      return;
    case "deliver":
      return deliver(server, reader, move.count);
    case "drop":
      if (at >= 0) wire.splice(at, 1);
      return;
    case "duplicate":
      if (at >= 0) wire.splice(at, 0, wire[at]!);
      return;
    case "swap":
      if (at >= 0) wire.push(...wire.splice(at, 1));
      return;
    case "garble":
      // A whole event of the patch's kind with other content would be believed, as TCP's checksum would let it pass:
      // what can happen is that text is cut.
      if (at >= 0 && wire[at]!.event === "patch") wire[at] = { ...wire[at]!, content: CUT };
      return;
  }
}

const CUT = Symbol("cut");

function connect(server: Server, reader: Reader): void {
  reader.connect();
  server.open(reader.machine.cursor);
}

function deliver(server: Server, reader: Reader, count: number): void {
  for (; count > 0 && isOpen(reader); count--) {
    const sent = server.wire.shift();
    if (!sent) return;
    const data = sent.content === CUT ? '[{"op":"rep' : JSON.stringify(sent.content);
    reader.receive({ event: sent.event, id: sent.id, data });
  }
  if (!isOpen(reader)) server.wire = [];
}

function check(server: Server, { machine }: Reader, shown: Map<unknown, string>): void {
  const { state, cursor, phase } = machine;
  if (state === undefined) return;
  const text = JSON.stringify(state);
  if (cursor !== null) expect(text).toBe(server.everything.get(cursor));
  else expect([...server.everything.values()]).toContain(text);
  if (phase === "live") expect(cursor).not.toBeNull();
  if (!shown.has(state)) shown.set(state, text);
}

property(
  "a client converges, whatever is lost, doubled, swapped, cut, reset, restarted or left",
  [moves],
  (steps) => {
    const server = new Server();
    const reader = new Reader();
    const shown = new Map<unknown, string>();
    for (const move of steps) {
      play(server, reader, move);
      check(server, reader, shown);
    }
    // From now on nothing goes wrong any more; marks come every 15 seconds, and time passes.
    for (let round = 0; round < 8; round++) {
      if (!isOpen(reader)) connect(server, reader);
      server.mark();
      deliver(server, reader, Infinity);
      reader.now += 15_000;
      reader.send({ type: "tick" });
      check(server, reader, shown);
    }
    // What was shown once is never changed afterwards.
    for (const [state, text] of shown) expect(JSON.stringify(state)).toBe(text);
    expect(reader.machine.phase).toBe("live");
    expect(reader.machine.cursor).toBe(server.head.cursor);
    expect(reader.machine.state).toEqual(server.head.state);
  },
  { numRuns: 1_000 },
);

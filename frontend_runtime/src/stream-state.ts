/**
 * The rules of a reader, as a table: PROTOCOL, "Applying", "Resuming", "Errors at connect". Knows neither network nor
 * timers: time and chance come in as arguments, and what there is to do follows from the machine itself.
 *
 * Whoever drives a machine keeps to this: while `phase` is `connecting`, `resuming`, `awaiting` or `live` the connection
 * number `attempt` is open or being opened, and every other one is closed; a `tick` is sent when `deadline` has come.
 */
import { ChannelError, errorOf, type Failure } from "./errors";
import { applyPatch } from "./patch";
import { stepsTo, type Message } from "./protocol";

export type Phase =
  /** Nobody reads. */
  | "idle"
  /** No connection until `deadline`. */
  | "paused"
  /** A connection is being opened. */
  | "connecting"
  /** Connected, with a cursor; the server has not yet said where it goes on. */
  | "resuming"
  /** Connected; nothing but a snapshot helps. */
  | "awaiting"
  /** Connected; the state is vouched for. */
  | "live"
  /** Given up; `error` says why. */
  | "closed";

export type Signal =
  | Message
  /** Somebody reads, or a human being asks to try again. */
  | { readonly type: "start" }
  | { readonly type: "stop" }
  | { readonly type: "opened" }
  | { readonly type: "failed"; readonly failure: Failure }
  /** The `retry` field of the stream, in milliseconds. */
  | { readonly type: "retry"; readonly milliseconds: number }
  /** The page was looked at again. Where `suspect`, its connection can't be trusted. */
  | { readonly type: "wake"; readonly suspect: boolean }
  | { readonly type: "tick" };

/** What the world is like as a signal arrives: `now` in milliseconds, `random` from 0 up to 1. */
export interface Moment {
  readonly now: number;
  readonly random: number;
  readonly online: boolean;
}

export interface Machine<State> {
  readonly phase: Phase;
  /** Undefined until there is one: JSON knows no undefined. */
  readonly state: State | undefined;
  readonly cursor: string | null;
  readonly error: ChannelError | null;
  readonly attempt: number;
  /** How many attempts or connections in a row came to nothing. */
  readonly failures: number;
  /** Whether a 401 was already answered with a fresh token. */
  readonly refreshed: boolean;
  readonly canRefresh: boolean;
  /** Milliseconds between attempts, as the server wants it. */
  readonly retry: number;
  /** Milliseconds without any event after which a connection counts as dead. */
  readonly patience: number;
  /** Milliseconds that whatever happens next may take; Infinity where nothing is waited for. */
  readonly wait: number;
  /** When a `tick` is due, in milliseconds: `wait` after the latest change. */
  readonly deadline: number;
  readonly connectedSince: Date | null;
  readonly noConnectionSince: Date | null;
}

/** Milliseconds that growing pauses grow to, before chance: who looks at a page waits half a minute at most. */
const LONGEST_PAUSE = 15_000;
/** Milliseconds after which a connection has proved good. What fails sooner, again and again, must wait longer. */
const STEADY = 10_000;

export interface Beginning<State> {
  readonly state: State | undefined;
  readonly cursor: string | null;
  readonly canRefresh: boolean;
  /** Milliseconds between marks. */
  readonly markIntervalMs: number;
  /** What `retry` is until the server has said so. */
  readonly retryMs: number;
}

export function begin<State>(beginning: Beginning<State>): Machine<State> {
  const { state, cursor, canRefresh, markIntervalMs, retryMs } = beginning;
  return {
    phase: "idle",
    state,
    cursor,
    error: null,
    connectedSince: null,
    noConnectionSince: null,
    attempt: 0,
    failures: 0,
    refreshed: false,
    canRefresh,
    retry: retryMs,
    patience: 3 * markIntervalMs, // PROTOCOL, "Applying"
    wait: Infinity,
    deadline: Infinity,
  };
}

/** The machine after `signal`; the same object where it changes nothing. */
export function step<State>(machine: Machine<State>, signal: Signal, moment: Moment): Machine<State> {
  const cell = TABLE[machine.phase][signal.type] as Cell<Signal["type"]> | undefined;
  const next = (cell ? cell(machine, signal, moment) : machine) as Machine<State>;
  return next === machine ? machine : timed(next, moment.now);
}

/** What follows from a change for the times, whatever it was: each is a sign of life, or the beginning of a pause. */
function timed<State>(machine: Machine<State>, now: number): Machine<State> {
  const { phase, wait } = machine;
  const since = (holds: boolean, date: Date | null): Date | null => (holds ? (date ?? new Date(now)) : null);
  const isTrying = phase === "connecting" || phase === "paused";
  return {
    ...machine,
    deadline: now + wait,
    connectedSince: since(!isTrying && isConnecting(machine), machine.connectedSince),
    noConnectionSince: since(isTrying, machine.noConnectionSince),
  };
}

/** Whether a connection is open or being opened. */
export const isConnecting = ({ phase }: Machine<unknown>): boolean =>
  phase !== "idle" && phase !== "paused" && phase !== "closed";

type Any = Machine<unknown>;
type Cell<Type extends Signal["type"]> = (machine: Any, signal: Extract<Signal, { type: Type }>, moment: Moment) => Any;
/** A signal that is missing changes nothing. */
type Row = { readonly [Type in Signal["type"]]?: Cell<Type> };

/** What holds for every phase with a connection. */
const connected = {
  stop: rest,
  failed: fail,
  retry: (machine, { milliseconds }) => ({ ...machine, retry: milliseconds }),
  // A mark is overdue when half of the patience is used up, which is one mark and a half.
  wake: (machine, { suspect }, moment) =>
    suspect || left(machine, moment) < machine.wait / 2 ? connect(machine) : machine,
  tick: (machine, _, moment) => {
    // The clock was set back: begin to wait anew, or a dead connection would stay unnoticed for as long.
    if (left(machine, moment) > machine.wait) return heard(machine);
    if (left(machine, moment) > 0) return machine;
    return fail(machine, { failure: { reason: "The server fell silent." } }, moment);
  },
  snapshot: (machine, { state, cursor }) => live({ ...machine, state, cursor }),
  // PROTOCOL compares nothing here. But a server that names a cursor believes that the snapshot was sent: if it was
  // lost on the way, hearing marks must not keep the client waiting for it.
  mark: (machine, { cursor }) => (cursor === null ? heard(machine) : machine),
  application: heard,
  reset: (machine) => ({ ...machine, phase: "awaiting" }),
  gone: (machine) => close(machine, new ChannelError("gone", "It was deleted.")),
  revoked: (machine, { reason }) => close(machine, new ChannelError("revoked", `Reading was revoked: ${reason}`)),
  bye: (machine, { retry }, moment) =>
    retry === null ? pause(machine, null, moment) : pauseFor({ ...machine, failures: 0 }, retry, null),
  patch: (machine, _, moment) => recover(machine, "a gap", moment),
  malformed: (machine, { fatal }, moment) =>
    fatal ? recover(machine, "an unreadable event", moment, null) : heard(machine),
} satisfies Row;

/** Where the history can go on. */
const following: Row = { ...connected, patch: applyNext, mark: compare };

const TABLE: Readonly<Record<Phase, Row>> = {
  idle: { start: connect },
  paused: {
    start: connect,
    stop: rest,
    // A pause that the server has asked for (`bye`, 429, 503) is kept: it has its reasons.
    wake: (machine) => (machine.error && machine.error.code !== "busy" ? connect(machine) : machine),
    tick: (machine, _, moment) => {
      const remaining = left(machine, moment);
      // More than the whole pause is left where the clock was set back.
      return remaining > 0 && remaining <= machine.wait ? machine : connect(machine);
    },
  },
  connecting: {
    stop: rest,
    failed: fail,
    wake: connected.wake,
    tick: connected.tick,
    opened: (machine) => ({ ...machine, phase: machine.cursor === null ? "awaiting" : "resuming" }),
  },
  resuming: following,
  awaiting: connected,
  live: following,
  closed: { start: (machine) => connect({ ...machine, refreshed: false, error: null }) },
};

function applyNext(machine: Any, { cursor, operations }: Extract<Signal, { type: "patch" }>, moment: Moment): Any {
  const steps = stepsTo(cursor, machine.cursor);
  if (steps < 1) return heard(machine); // A duplicate.
  if (steps !== 1) return recover(machine, "a gap", moment);
  try {
    return live({ ...machine, state: applyPatch(machine.state, operations), cursor });
  } catch {
    return recover(machine, "a patch that doesn't fit", moment, null);
  }
}

function compare(machine: Any, { cursor }: Extract<Signal, { type: "mark" }>, moment: Moment): Any {
  if (cursor === null) return heard(machine);
  return cursor === machine.cursor ? live(machine) : recover(machine, "a gap", moment);
}

/** Go on from `cursor`. Null where the states have come apart: what is held stays on screen, but nothing is built on it. */
function recover(machine: Any, what: string, moment: Moment, cursor = machine.cursor): Any {
  return pause({ ...machine, cursor }, new ChannelError("protocol", `Recovering from ${what}.`), moment, true);
}

function fail(machine: Any, { failure }: { readonly failure: Failure }, moment: Moment): Any {
  if (failure.status === 401 && machine.canRefresh && !machine.refreshed) {
    return connect({ ...machine, refreshed: true });
  }
  const error = errorOf(failure);
  return error.code === "unreachable" || error.code === "busy"
    ? pause(machine, error, moment, false, failure.retryAfter)
    : close(machine, error); // To try again is left to a human being.
}

/** Pauses grow with every failure in a row. With `atOnce`, the first one is none. */
function pause(machine: Any, error: ChannelError | null, moment: Moment, atOnce = false, least = 0): Any {
  const { connectedSince, retry } = machine;
  const steady = connectedSince !== null && moment.now - connectedSince.getTime() >= STEADY;
  const failures = steady ? 1 : machine.failures + 1;
  const longest = Math.max(retry, LONGEST_PAUSE);
  // Browsers err about being offline, so it is tried all the same, as seldom as it gets.
  const growing = moment.online ? Math.min(retry * 2 ** (failures - 1), longest) : longest;
  const next = { ...machine, failures };
  if (atOnce && failures === 1) return connect({ ...next, error });
  return pauseFor(next, Math.ceil(Math.max(growing, least) + growing * moment.random), error);
}

function pauseFor(machine: Any, wait: number, error: ChannelError | null): Any {
  return { ...machine, phase: "paused", wait, error };
}

function connect(machine: Any): Any {
  return { ...machine, phase: "connecting", attempt: machine.attempt + 1, wait: machine.patience };
}

function rest(machine: Any): Any {
  return { ...machine, phase: "idle", wait: Infinity, failures: 0 };
}

function close(machine: Any, error: ChannelError): Any {
  // Who may not read, may not keep it either (PROTOCOL I7).
  const barred = ["revoked", "forbidden", "unauthenticated"].includes(error.code);
  return { ...rest(machine), ...(barred && { state: undefined, cursor: null }), phase: "closed", error };
}

function live(machine: Any): Any {
  return { ...machine, phase: "live", error: null, refreshed: false };
}

/** A sign of life, and nothing more. */
function heard(machine: Any): Any {
  return { ...machine };
}

/** Milliseconds until the deadline. */
const left = ({ deadline }: Any, { now }: Moment): number => deadline - now;

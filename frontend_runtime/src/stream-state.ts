/**
 * The rules of a reader, as a table: PROTOCOL, "Applying", "Resuming", "Errors at connect". Knows neither network nor
 * timers: time and chance come in as arguments, and what there is to do follows from the machine itself.
 *
 * Whoever drives a machine keeps to this: while `phase` is `connecting`, `resuming`, `awaiting` or `live` the connection
 * number `attempt` is open or being opened, and every other one is closed; a `tick` is sent when `deadline` has come.
 */
import { ChannelError, errorOf, isFinal, type Failure } from "./errors";
import { applyPatch } from "./patch";
import { placeOf, type Message } from "./protocol";

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
  /** Milliseconds of the latest pause. */
  readonly pause: number;
  /** When a `tick` is due, in milliseconds; Infinity where none is. */
  readonly deadline: number;
  readonly connectedSince: Date | null;
  readonly noConnectionSince: Date | null;
}

/** Milliseconds that growing pauses grow to, before chance: who looks at a page waits half a minute at most. */
const LONGEST_PAUSE = 15_000;
/** Milliseconds after which a connection has proved good. What fails sooner, again and again, must wait longer. */
const STEADY = 10_000;

export interface Beginning<State> {
  readonly initial?: { readonly state: State; readonly cursor: string } | undefined;
  readonly canRefresh: boolean;
  /** Milliseconds between marks. */
  readonly markIntervalMs: number;
  /** What `retry` is until the server has said so. */
  readonly retryMs: number;
}

export function begin<State>({ initial, canRefresh, markIntervalMs, retryMs }: Beginning<State>): Machine<State> {
  return {
    phase: "idle",
    state: initial?.state,
    cursor: initial?.cursor ?? null,
    error: null,
    attempt: 0,
    failures: 0,
    refreshed: false,
    canRefresh,
    retry: retryMs,
    patience: 3 * markIntervalMs, // PROTOCOL, "Applying"
    pause: 0,
    deadline: Infinity,
    connectedSince: null,
    noConnectionSince: null,
  };
}

/** The machine after `signal`; the same object where it changes nothing. */
export function step<State>(machine: Machine<State>, signal: Signal, moment: Moment): Machine<State> {
  const cell = TABLE[machine.phase][signal.type] as Cell<Signal["type"]>;
  return cell(machine, signal, moment) as Machine<State>;
}

/** Whether a connection is open or being opened. */
export const isConnecting = ({ phase }: Machine<unknown>): boolean =>
  phase !== "idle" && phase !== "paused" && phase !== "closed";

type Any = Machine<unknown>;
type Cell<Type extends Signal["type"]> = (machine: Any, signal: Extract<Signal, { type: Type }>, moment: Moment) => Any;
type Row = { readonly [Type in Signal["type"]]: Cell<Type> };

const same = (machine: Any): Any => machine;

const nothing: Row = {
  start: same,
  stop: same,
  opened: same,
  failed: same,
  retry: same,
  wake: same,
  tick: same,
  snapshot: same,
  patch: same,
  mark: same,
  reset: same,
  gone: same,
  revoked: same,
  bye: same,
  application: same,
  malformed: same,
};

/** What holds for every phase with a connection; a sign of life is whatever arrives. */
const connected: Row = {
  ...nothing,
  stop: rest,
  failed: fail,
  retry: (machine, { milliseconds }, moment) => ({ ...heard(machine, moment), retry: milliseconds }),
  wake: (machine, { suspect }, moment) => (suspect || isOverdue(machine, moment) ? connect(machine, moment) : machine),
  tick: (machine, _, moment) => {
    // The clock was set back: begin to wait anew, or a dead connection would stay unnoticed for as long.
    if (left(machine, moment) > machine.patience) return heard(machine, moment);
    if (left(machine, moment) > 0) return machine;
    return fail(machine, { failure: { status: null, reason: "The server fell silent." } }, moment);
  },
  snapshot: (machine, { state, cursor }, moment) => live({ ...machine, state, cursor }, moment),
  // PROTOCOL compares nothing here. But a server that names a cursor believes that the snapshot was sent: if it was
  // lost on the way, hearing marks must not keep the client waiting for it.
  mark: (machine, { cursor }, moment) => (cursor === null ? heard(machine, moment) : machine),
  application: heardOnly,
  reset: (machine, _, moment) => ({ ...heard(machine, moment), phase: "awaiting" }),
  gone: (machine) => close(machine, new ChannelError("gone", "What the channel showed has been deleted.")),
  revoked: (machine, { reason }) =>
    close(machine, new ChannelError("revoked", `This reader may not read any more: ${reason}`)),
  bye: (machine, { retry }, moment) =>
    retry === null ? pause(machine, null, moment) : pauseFor({ ...machine, failures: 0 }, retry, null, moment),
  patch: gap,
  malformed: (machine, { fatal }, moment) =>
    fatal ? startOver(machine, "an unreadable event", moment) : heard(machine, moment),
};

const TABLE: Readonly<Record<Phase, Row>> = {
  idle: { ...nothing, start: (machine, _, moment) => connect(machine, moment) },
  paused: {
    ...nothing,
    start: (machine, _, moment) => connect(machine, moment),
    stop: rest,
    // A pause that the server has asked for (`bye`, 429, 503) is kept: it has its reasons.
    wake: (machine, _, moment) =>
      machine.error === null || machine.error.code === "busy" ? machine : connect(machine, moment),
    tick: (machine, _, moment) => {
      const remaining = left(machine, moment);
      // More than the whole pause is left where the clock was set back.
      return remaining > 0 && remaining <= machine.pause ? machine : connect(machine, moment);
    },
  },
  connecting: {
    ...nothing,
    stop: rest,
    failed: fail,
    wake: connected.wake,
    tick: connected.tick,
    opened: (machine, _, moment) => ({
      ...heard(machine, moment),
      phase: machine.cursor === null ? "awaiting" : "resuming",
      connectedSince: new Date(moment.now),
      noConnectionSince: null,
    }),
  },
  resuming: { ...connected, patch: applyNext, mark: compare },
  awaiting: connected,
  live: { ...connected, patch: applyNext, mark: compare },
  closed: {
    ...nothing,
    start: (machine, _, moment) => connect({ ...machine, failures: 0, refreshed: false, error: null }, moment),
  },
};

function applyNext(machine: Any, patch: Extract<Signal, { type: "patch" }>, moment: Moment): Any {
  const place = placeOf(machine.cursor, patch.cursor);
  if (place === "duplicate") return heard(machine, moment);
  if (place === "gap") return gap(machine, patch, moment);
  try {
    const state = applyPatch(machine.state, patch.operations);
    return live({ ...machine, state, cursor: patch.cursor }, moment);
  } catch {
    return startOver(machine, "a patch that doesn't fit", moment);
  }
}

function compare(machine: Any, { cursor }: Extract<Signal, { type: "mark" }>, moment: Moment): Any {
  if (cursor === null) return heard(machine, moment);
  return cursor === machine.cursor ? live(machine, moment) : gap(machine, null, moment);
}

function gap(machine: Any, _: unknown, moment: Moment): Any {
  return pause(machine, broken("a gap"), moment, true);
}

/** The states have come apart: what is held stays on screen, but nothing is built on it. */
function startOver(machine: Any, what: string, moment: Moment): Any {
  return pause({ ...machine, cursor: null }, broken(what), moment, true);
}

const broken = (what: string): ChannelError => new ChannelError("protocol", `The channel recovers from ${what}.`);

function fail(machine: Any, { failure }: { readonly failure: Failure }, moment: Moment): Any {
  if (failure.status === 401 && machine.canRefresh && !machine.refreshed) {
    return connect({ ...machine, refreshed: true }, moment);
  }
  const error = errorOf(failure);
  if (isFinal(error)) return close(machine, error);
  return pause(machine, error, moment, false, failure.retryAfter ?? 0);
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
  if (atOnce && failures === 1) return connect({ ...next, error }, moment);
  return pauseFor(next, Math.ceil(Math.max(growing, least) + growing * moment.random), error, moment);
}

function pauseFor(machine: Any, milliseconds: number, error: ChannelError | null, { now }: Moment): Any {
  return { ...disconnected(machine, now), phase: "paused", pause: milliseconds, deadline: now + milliseconds, error };
}

function connect(machine: Any, { now }: Moment): Any {
  const { attempt, patience } = machine;
  return { ...disconnected(machine, now), phase: "connecting", attempt: attempt + 1, deadline: now + patience };
}

function disconnected(machine: Any, now: number): Any {
  return { ...machine, connectedSince: null, noConnectionSince: machine.noConnectionSince ?? new Date(now) };
}

function rest(machine: Any): Any {
  return { ...machine, phase: "idle", deadline: Infinity, failures: 0, connectedSince: null, noConnectionSince: null };
}

function close(machine: Any, error: ChannelError): Any {
  const { state, cursor } = machine;
  // Who may not read, may not keep it either (PROTOCOL I7).
  const barred = error.code === "revoked" || error.code === "forbidden" || error.code === "unauthenticated";
  const rested = { ...rest(machine), phase: "closed", error } as const;
  return { ...rested, state: barred ? undefined : state, cursor: barred ? null : cursor };
}

function live(machine: Any, moment: Moment): Any {
  return { ...heard(machine, moment), phase: "live", error: null, refreshed: false };
}

function heard(machine: Any, { now }: Moment): Any {
  return { ...machine, deadline: now + machine.patience };
}

function heardOnly(machine: Any, _: unknown, moment: Moment): Any {
  return heard(machine, moment);
}

/** Milliseconds until the deadline. */
const left = ({ deadline }: Any, { now }: Moment): number => deadline - now;

/** Whether a mark is overdue: half of the patience is used up, which is one mark and a half. */
const isOverdue = (machine: Any, moment: Moment): boolean => left(machine, moment) < machine.patience / 2;

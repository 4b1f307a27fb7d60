/** Shares streams among subscribers and shows them as snapshots; knows neither channel classes nor React. */
import type { ChannelError } from "./errors";
import { within } from "./json";
import type { Operation } from "./patch";
import { Stream, type Source } from "./stream";
import type { Machine, Signal } from "./stream-state";

export type Status =
  /** There is no channel (`null`). */
  | "idle"
  /** No state yet. */
  | "loading"
  /** Connected; the state is vouched for. */
  | "live"
  /** A state that can't be vouched for now: not connected, or the server is about to send another one. */
  | "stale"
  /** Final: no permission, gone, nothing there; `error` says why. */
  | "closed";

/** What a channel shows. The same object until something changes; `state` shares with the one before what is unchanged. */
export interface ChannelSnapshot<State> {
  /** Exactly what the serializer returns; undefined as long as there is none. Treat it as read-only. */
  readonly state: State | undefined;
  readonly status: Status;
  /** Why it is not live. Null where nothing is wrong. */
  readonly error: ChannelError | null;
  /** Names the revision of `state`. */
  readonly cursor: string | null;
  /** Since when it has been connected; null while it isn't. */
  readonly connectedSince: Date | null;
  /** Since when it has been trying to connect; null while it is connected, and where nobody wants it to be. */
  readonly noConnectionSince: Date | null;
}

/** A patch that was just applied. */
export interface AppliedPatch {
  /** Of the revision that it led to. */
  readonly cursor: string;
  readonly operations: readonly Operation[];
  /** The length of the document as it came, in bytes of UTF-8. */
  readonly bytes: number;
  readonly at: Date;
}

export const IDLE: ChannelSnapshot<never> = {
  state: undefined,
  status: "idle",
  cursor: null,
  error: null,
  connectedSince: null,
  noConnectionSince: null,
};

/** What a channel that nobody has subscribed to yet shows. */
export function beforehand<State>(initial: Initial<State> | undefined): ChannelSnapshot<State> {
  return { ...IDLE, ...initial, status: initial ? "stale" : "loading" };
}

/** A state that the page came with, and the cursor that it stands at. */
export interface Initial<State> {
  readonly state: State;
  readonly cursor: string;
}

/** Everything that two channels must have in common to share a connection. */
export interface Key extends Source {
  readonly kind: unknown;
  readonly graceMs: number;
  readonly markIntervalMs: number;
  readonly retryMs: number;
}

/** Those that somebody listens to, or did a moment ago. */
const shared = new Set<Connection<unknown>>();

/** The connection of this key that is shared already. `guess` is the one that it was last time. */
export function find<State>(key: Key, guess?: Connection<State>): Connection<State> | undefined {
  if (guess && shared.has(guess)) return guess;
  return [...shared].find((connection) => within(key, connection.key, Object.is)) as Connection<State> | undefined;
}

/** What a subscription is to: these two, which no event can be called, or the event of this name. */
export const CHANGE = 0;
export const PATCH = 1;
type Topic = typeof CHANGE | typeof PATCH | string;

interface Subscription {
  readonly topic: Topic;
  readonly listener: (value: never) => void;
}

/** One stream and all who read it. */
export class Connection<State> extends Stream<State, Key> {
  snapshot: ChannelSnapshot<State>;
  readonly #subscriptions = new Set<Subscription>();
  #isRead = false;
  #grace: ReturnType<typeof setTimeout> | undefined;

  /** `snapshot` is what was shown before anybody subscribed. */
  constructor(key: Key, snapshot: ChannelSnapshot<State>) {
    super(key, { ...key, ...snapshot });
    this.snapshot = snapshot;
  }

  /** Connect now, after a final error too, if anybody reads. */
  reconnect(): void {
    if (this.#isRead) this.send({ type: "start" });
  }

  /** Who listens to changes opens the connection. The same listener may come twice, and leaves twice. */
  on(topic: Topic, listener: (value: never) => void): () => void {
    if (topic === CHANGE && !this.#isRead) {
      // First this, so that the listener isn't called before its subscriber has got the function to leave with.
      this.send({ type: "start" });
      this.#isRead = true;
    }
    if (typeof topic === "string") this.listen(topic);
    const subscription = { topic, listener };
    this.#subscriptions.add(subscription);
    shared.add(this);
    return () => {
      this.#subscriptions.delete(subscription);
      clearTimeout(this.#grace);
      this.#grace = setTimeout(() => this.#settle(), this.key.graceMs);
    };
  }

  #to(topic: Topic): Subscription[] {
    return [...this.#subscriptions].filter((subscription) => subscription.topic === topic);
  }

  /** Call them all, those that throw too: what one listener does wrong is not the others' concern. */
  #tell(topic: Topic, value?: unknown): void {
    for (const { listener } of this.#to(topic)) {
      try {
        listener(value as never);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** After the grace: end what nobody is left for. */
  #settle(): void {
    if (this.#to(CHANGE).length > 0) return;
    this.#isRead = false;
    this.send({ type: "stop" });
    if (this.#subscriptions.size === 0) shared.delete(this);
  }

  protected observe(signal: Signal, before: Machine<State>): void {
    const { state, cursor, error, connectedSince, noConnectionSince } = this.machine;
    if (signal.type === "application") this.#tell(signal.event, signal.body);
    // One that didn't fit has left no cursor.
    if (signal.type === "patch" && cursor && cursor !== before.cursor && this.#to(PATCH).length > 0) {
      this.#tell(PATCH, appliedPatch(signal));
    }
    const next = { state, status: statusOf(this.machine), cursor, error, connectedSince, noConnectionSince };
    if (within(next, this.snapshot, Object.is)) return;
    this.snapshot = next;
    this.#tell(CHANGE);
  }
}

function appliedPatch({ cursor, operations, text }: Extract<Signal, { type: "patch" }>): AppliedPatch {
  return { cursor, operations, bytes: new TextEncoder().encode(text).length, at: new Date() };
}

function statusOf({ phase, state }: Machine<unknown>): Status {
  if (phase === "closed" || phase === "live") return phase;
  return state === undefined ? "loading" : "stale";
}

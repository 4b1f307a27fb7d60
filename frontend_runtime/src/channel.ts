/** What applications and generated code hold in hand: a description of a stream, cheap to make; knows no React. */
import { eventSourceTransport } from "./transports/eventsource";
import { fetchTransport } from "./transports/fetch";
import type { Transport } from "./transports/transport";
import { beforehand, CHANGE, Connection, find, PATCH } from "./store";
import type { AppliedPatch, ChannelSnapshot, Initial, Key } from "./store";
import type { Token } from "./stream";

/** Where the rows of each type sit in a state. */
export type InstanceIndex = Readonly<Record<string, InstancePlaces>>;

export interface InstancePlaces {
  /** The member that identifies a row. */
  readonly key: string;
  /** Ways from the state to the rows. `"*"` stands for every element of an array; `[]` is the state itself. */
  readonly paths: readonly (readonly string[])[];
}

export interface ChannelOptions<State> {
  /** Before every channel's path: `"https://api.example.org"`. The page's own origin if none is given. */
  readonly baseUrl?: string | undefined;
  /**
   * `"eventsource"`, the browser's own, where there is one (the default); `"fetch"` otherwise. An object of your own,
   * or one made by `fetchTransport({ fetch })`, must be made once and not in every render.
   */
  readonly transport?: "eventsource" | "fetch" | Transport | undefined;
  /** What comes before the token in the header `Authorization`. `"Token"`, as DRF's `TokenAuthentication` has it. */
  readonly scheme?: string | undefined;
  /** As of `fetch`. `"include"` sends cookies to another origin, too. */
  readonly credentials?: RequestCredentials | undefined;
  /** A state that the page came with; the stream goes on from there, without a second snapshot. */
  readonly initial?: Initial<State> | undefined;
  /** Milliseconds to the first attempt to reconnect (`RETRY_MILLISECONDS`), which an `EventSource` can't read. 2,000. */
  readonly retryMs?: number | undefined;
  /** Milliseconds that a connection stays open after its last subscriber has left. 1,000. */
  readonly graceMs?: number | undefined;
  /** Milliseconds between the server's marks (`MARK_SECONDS`). 15,000. After three without a sign of life it reconnects. */
  readonly markIntervalMs?: number | undefined;
}

/** What `configure` sets for all channels. */
export type Defaults = Omit<ChannelOptions<never>, "initial">;

/** The same when all is set. */
type Settings = Required<{ [Name in keyof Defaults]: NonNullable<Defaults[Name]> }>;

/** What holds where nobody has set anything. `transport` depends on where it is asked. */
const BUILT_IN: Omit<Settings, "transport"> = {
  baseUrl: "",
  scheme: "Token",
  credentials: "same-origin",
  // Long enough for a change of pages that shows the same thing again, short enough to spare the server.
  graceMs: 1_000,
  // The server's own defaults: `RETRY_MILLISECONDS`, `MARK_SECONDS`.
  retryMs: 2_000,
  markIntervalMs: 15_000,
};

const configured: Defaults = {};

/** Set options for all channels that don't set them themselves. Once, before the first one is used. */
export function configure(options: Defaults): void {
  Object.assign(configured, options);
}

const TRANSPORTS = { eventsource: eventSourceTransport(), fetch: fetchTransport() };

/**
 * One live state of the server. Generated subclasses have the URL and the types.
 *
 * An instance only describes: two of the same class, URL, token and options share one connection, so that one may be
 * made in every render. The connection opens with the first subscriber and closes a moment after the last.
 */
export abstract class StateChannel<State, Rows extends object = {}> {
  static readonly instances: InstanceIndex = {};

  /** For types only. */
  declare readonly _rows: Rows;

  readonly #path: string;
  readonly #options: Defaults;
  readonly #before: ChannelSnapshot<State>;
  #token: Token;
  #key: Key | undefined;
  #connection: Connection<State> | undefined;

  protected constructor(path: string, token: Token = null, { initial, ...options }: ChannelOptions<State> = {}) {
    this.#path = path;
    this.#token = token;
    this.#options = options;
    this.#before = beforehand(initial);
  }

  /** Where the stream is: `baseUrl` and the path. */
  get url(): string {
    return this.key.url;
  }

  /** What there is to show now: the same object until something changes. */
  getSnapshot(): ChannelSnapshot<State> {
    return (find(this.key, this.#connection) ?? this.#connection)?.snapshot ?? this.#before;
  }

  /** What a server renders, and the browser at first: nothing but `initial`. */
  getServerSnapshot(): ChannelSnapshot<State> {
    return this.#before;
  }

  /** Call `listener` after every change of the snapshot. Returns the function that ends this. */
  subscribe(listener: () => void): () => void {
    return this.#connect().on(CHANGE, listener);
  }

  /** Call `listener` with every patch, just before subscribers hear of it. Doesn't open the connection. */
  onPatch(listener: (patch: AppliedPatch) => void): () => void {
    return this.#connect().on(PATCH, listener);
  }

  /** Call `listener` with the body of every event of this name that the application sends. Doesn't open the connection. */
  onMessage(event: string, listener: (body: unknown) => void): () => void {
    return this.#connect().on(event, listener);
  }

  /** Try again now, for a button beside an error: after a final one, too. */
  reconnect(): void {
    const shared = find(this.key);
    if (shared) shared.reconnect();
    else this.#connection = undefined; // Nobody reads: the next reader begins anew.
  }

  /** What another channel must equal to share the connection. */
  get key(): Key {
    return (this.#key ??= this.#makeKey());
  }

  /** Ask `other`'s token function from now on. For two that differ in nothing else. */
  adoptToken(other: StateChannel<State>): void {
    this.#token = other.#token;
    const shared = find(this.key);
    if (shared) shared.token = other.#token;
  }

  #makeKey(): Key {
    // An option that is `undefined` is not set.
    const set = [BUILT_IN, configured, this.#options]
      .flatMap(Object.entries)
      .filter(([, value]) => value !== undefined);
    const {
      baseUrl,
      transport = typeof EventSource === "undefined" ? "fetch" : "eventsource",
      ...rest
    } = Object.fromEntries(set) as Omit<Settings, "transport"> & Defaults;
    return {
      ...rest,
      kind: this.constructor,
      url: baseUrl.replace(/\/$/, "") + this.#path,
      token: this.#token,
      transport: typeof transport === "string" ? TRANSPORTS[transport] : transport,
    };
  }

  #connect(): Connection<State> {
    const shared = find(this.key, this.#connection);
    if (shared) return (this.#connection = shared);
    this.#connection ??= new Connection(this.key, this.#before);
    this.#connection.token = this.#token;
    return this.#connection;
  }
}

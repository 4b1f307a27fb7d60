/** Drives the machine of `stream-state` with a transport, a clock and the page's surroundings; knows no subscribers. */
import { EVENT_NAMES, read } from "./protocol";
import { begin, isConnecting, step, type Beginning, type Machine, type Signal } from "./stream-state";
import { isOnline, watch } from "./surroundings";
import type { OpenStream, Transport } from "./transports/transport";

/** Credentials: a token, or what gives one each time a connection is opened. Without one, cookies may do. */
export type Token = string | null | undefined | (() => string | null | undefined | Promise<string | null | undefined>);

export interface Source {
  readonly url: string;
  readonly token: Token;
  /** Before the token in the header `Authorization`. */
  readonly scheme: string;
  readonly credentials: RequestCredentials;
  readonly transport: Transport;
}

/** Milliseconds after which clocks are compared: a timer stands still while a laptop sleeps. */
const GLANCE = 5_000;

export abstract class Stream<State, From extends Source> {
  protected machine: Machine<State>;
  /** Asked for anew at every attempt. */
  token: Token;
  readonly #events = new Set<string>(EVENT_NAMES);
  #open: OpenStream | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(
    readonly key: From,
    beginning: Omit<Beginning<State>, "canRefresh">,
  ) {
    this.token = key.token;
    this.machine = begin({ ...beginning, canRefresh: typeof key.token === "function" });
  }

  /** Is told of every change, after it has happened. */
  protected abstract observe(signal: Signal, before: Machine<State>): void;

  /** Pass on this event of the application's, too. */
  protected listen(event: string): void {
    this.#events.add(event);
    this.#open?.listen(event);
  }

  protected send(signal: Signal): void {
    const before = this.machine;
    const machine = step(before, signal, { now: Date.now(), random: Math.random(), online: isOnline() });
    if (machine === before) return;
    this.machine = machine;
    const isAnew = machine.attempt !== before.attempt;
    if (isAnew || !isConnecting(machine)) {
      this.#open?.close();
      this.#open = undefined;
    }
    if (isAnew) void this.#attempt(machine.attempt);
    this.#arm();
    this.observe(signal, before);
  }

  /** What arrives for an attempt that was given up is dropped. */
  async #attempt(attempt: number): Promise<void> {
    const isCurrent = (): boolean => attempt === this.machine.attempt && isConnecting(this.machine);
    const send = (signal: Signal): void => {
      if (isCurrent()) this.send(signal);
    };
    const { url, scheme, credentials, transport } = this.key;
    try {
      const token = typeof this.token === "function" ? await this.token() : this.token;
      // While the token was asked for, everybody may have gone.
      if (!isCurrent()) return;
      const authorization = token ? `${scheme} ${token}` : null;
      this.#open = transport.open(
        { url, cursor: this.machine.cursor, authorization, credentials, events: this.#events },
        {
          opened: () => send({ type: "opened" }),
          received: (event) => send(read(event)),
          retry: (milliseconds) => send({ type: "retry", milliseconds }),
          failed: (failure) => send({ type: "failed", failure }),
        },
      );
    } catch {
      send({ type: "failed", failure: { reason: "No token, or no transport." } });
    }
  }

  /** A timer for the deadline, and an ear for the surroundings, as long as there is one. */
  #arm(): void {
    const { deadline } = this.machine;
    clearTimeout(this.#timer);
    if (deadline === Infinity) {
      this.#unwatch?.();
      this.#unwatch = undefined;
      return;
    }
    this.#unwatch ??= watch(
      (suspect) => this.send({ type: "wake", suspect }),
      () => this.send({ type: "failed", failure: { reason: "The browser is offline." } }),
    );
    this.#timer = setTimeout(
      () => {
        this.send({ type: "tick" });
        this.#arm();
      },
      Math.min(deadline - Date.now(), GLANCE),
    );
  }
}

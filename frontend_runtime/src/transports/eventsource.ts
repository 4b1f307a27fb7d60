/**
 * Streams by the browser's `EventSource`; knows no protocol.
 *
 * It can't send headers, so a token is exchanged for a ticket first (PROTOCOL, "Tickets"); no token is ever in a URL.
 * Of its own it would reconnect with a ticket that is used up, and give up on a 503: so each one is used for one
 * connection, and closed at the first error.
 */
import type { Failure } from "../errors";
import { failureOf, requestInit, withQuery, type Receiver, type StreamRequest, type Transport } from "./transport";

export interface EventSourceTransportOptions {
  /** The class to use. The global one if none is given. */
  readonly EventSource?: typeof globalThis.EventSource;
  /** For tickets. The global one if none is given. */
  readonly fetch?: typeof globalThis.fetch;
}

/** A transport for browsers. Make it once: channels share a connection only if they share this. */
export function eventSourceTransport(options: EventSourceTransportOptions = {}): Transport {
  return {
    open(request, receiver) {
      const stream = new Stream(request, receiver, options);
      void stream.open();
      return stream;
    },
  };
}

class Stream {
  readonly #request: StreamRequest;
  readonly #receiver: Receiver;
  readonly #options: EventSourceTransportOptions;
  readonly #controller = new AbortController();
  readonly #events: Set<string>;
  #source: EventSource | undefined;

  constructor(request: StreamRequest, receiver: Receiver, options: EventSourceTransportOptions) {
    this.#request = request;
    this.#receiver = receiver;
    this.#options = options;
    this.#events = new Set(request.events);
  }

  async open(): Promise<void> {
    const { url, cursor, credentials, authorization } = this.#request;
    try {
      const ticket = authorization === null ? null : await this.#ticket();
      if (this.#controller.signal.aborted) return;
      const source = new (this.#options.EventSource ?? EventSource)(withQuery(url, { ticket, last_event_id: cursor }), {
        withCredentials: credentials === "include",
      });
      this.#source = source;
      this.#listenTo(source);
    } catch (error) {
      this.#fail(error instanceof Refusal ? error.failure : { status: null });
    }
  }

  listen(event: string): void {
    if (this.#events.has(event)) return;
    this.#events.add(event);
    this.#source?.addEventListener(event, this.#receive);
  }

  close(): void {
    this.#controller.abort();
    this.#source?.close();
  }

  #listenTo(source: EventSource): void {
    let opened = false;
    for (const event of this.#events) source.addEventListener(event, this.#receive);
    source.addEventListener("open", (event) => {
      if (isMessage(event)) return;
      opened = true;
      if (!this.#controller.signal.aborted) this.#receiver.opened();
    });
    source.addEventListener("error", (event) => {
      if (isMessage(event)) return;
      const refused = source.readyState === 2; // CLOSED: there was an answer, and no stream in it [sse].
      source.close();
      if (!opened && refused && this.#request.authorization === null) void this.#ask();
      else this.#fail({ status: null });
    });
  }

  readonly #receive = (event: Event): void => {
    // An event of the stream may be called `error` or `open`; EventSource's own have no data.
    if (this.#controller.signal.aborted || !isMessage(event)) return;
    this.#receiver.received({ event: event.type, id: event.lastEventId || undefined, data: String(event.data) });
  };

  async #ticket(): Promise<string> {
    const response = await this.#fetch(withQuery(this.#request.url, { ticket: "" }), "POST", "application/json");
    if (!response.ok) throw new Refusal(failureOf(response));
    const { ticket } = (await response.json()) as { readonly ticket?: unknown };
    if (typeof ticket !== "string") throw new Refusal({ status: null, reason: "The server's ticket can't be read." });
    return ticket;
  }

  /** EventSource doesn't tell why it was refused. */
  async #ask(): Promise<void> {
    try {
      const response = await this.#fetch(this.#request.url, "HEAD", "text/event-stream");
      const { status } = response;
      this.#fail(
        status === 200 ? { status: null, reason: "The server's answer was not a stream." } : failureOf(response),
      );
    } catch {
      this.#fail({ status: null });
    }
  }

  #fetch(url: string, method: string, accept: string): Promise<Response> {
    const init = { ...requestInit(this.#request, this.#controller.signal, accept), method };
    return (this.#options.fetch ?? fetch)(url, init);
  }

  #fail(failure: Failure): void {
    if (this.#controller.signal.aborted) return;
    this.close();
    this.#receiver.failed(failure);
  }
}

class Refusal extends Error {
  constructor(readonly failure: Failure) {
    super();
  }
}

const isMessage = (event: Event): event is MessageEvent => "data" in event;

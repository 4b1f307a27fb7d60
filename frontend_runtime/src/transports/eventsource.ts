/**
 * Streams by the browser's `EventSource`; knows no protocol.
 *
 * It can't send headers, so a token is exchanged for a ticket first (PROTOCOL, "Tickets"); no token is ever in a URL.
 * Of its own it would reconnect with a ticket that is used up, and give up on a 503: so each one is used for one
 * connection, and closed at the first error.
 */
import {
  failureOf,
  LOST,
  requestInit,
  withQuery,
  type Receiver,
  type StreamRequest,
  type Transport,
} from "./transport";

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
      const controller = new AbortController();
      const { signal } = controller;
      const events = new Set(request.events);
      let source: EventSource | undefined;

      const ask: Ask = (url, method, accept) =>
        (options.fetch ?? fetch)(url, requestInit(request, signal, method, accept));
      const receive = (event: Event): void => {
        if (!isMessage(event)) return;
        receiver.received({ event: event.type, id: event.lastEventId || undefined, data: String(event.data) });
      };
      const start = async (): Promise<void> => {
        const url = await ticketed(request, receiver, ask);
        if (url === null || signal.aborted) return;
        source = new (options.EventSource ?? EventSource)(url, { withCredentials: request.credentials === "include" });
        watch(source, request, receiver, ask);
        for (const event of events) source.addEventListener(event, receive);
      };

      start().catch(() => receiver.failed(LOST));
      return {
        listen(event) {
          events.add(event);
          source?.addEventListener(event, receive); // The same one twice is once.
        },
        close() {
          controller.abort();
          source?.close();
        },
      };
    },
  };
}

type Ask = (url: string, method: string, accept: string) => Promise<Response>;

/** Where to open the stream; null where that failed, and the receiver was told. */
async function ticketed(request: StreamRequest, receiver: Receiver, ask: Ask): Promise<string | null> {
  const { url, cursor, authorization } = request;
  if (authorization === null) return withQuery(url, { last_event_id: cursor });
  const response = await ask(withQuery(url, { ticket: "" }), "POST", "application/json");
  if (!response.ok) {
    receiver.failed(failureOf(response));
    return null;
  }
  const { ticket } = (await response.json()) as { readonly ticket: string };
  return withQuery(url, { ticket, last_event_id: cursor });
}

function watch(source: EventSource, request: StreamRequest, receiver: Receiver, ask: Ask): void {
  let opened = false;
  // An event of the stream may be called `open` or `error`, too.
  source.addEventListener("open", (event) => {
    if (isMessage(event)) return;
    opened = true;
    receiver.opened();
  });
  source.addEventListener("error", (event) => {
    if (isMessage(event)) return;
    const refused = !opened && source.readyState === 2; // CLOSED: there was an answer, and no stream in it [sse].
    source.close();
    // EventSource doesn't tell what the answer was. With a ticket, the next attempt to get one will.
    if (!refused || request.authorization !== null) {
      receiver.failed(LOST);
      return;
    }
    ask(request.url, "HEAD", "text/event-stream").then(
      (response) => receiver.failed(failureOf(response)),
      () => receiver.failed(LOST),
    );
  });
}

/** EventSource's own events have no data. */
const isMessage = (event: Event): event is MessageEvent => "data" in event;

/**
 * Streams by the browser's `EventSource`; knows no protocol.
 *
 * It can't send headers, so a token is exchanged for a ticket first (PROTOCOL, "Tickets"); no token is ever in a URL.
 * Of its own it would reconnect with a ticket that is used up, and give up on a 503: so each one is used for one
 * connection, and closed at the first error.
 */
import type { Failure } from "../errors";
import { asker, failureOf, LOST, STREAM, withQuery, type Receiver, type Transport } from "./transport";

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
      const { url, cursor, authorization, credentials } = request;
      const controller = new AbortController();
      const ask = asker(request, controller.signal, options.fetch);
      const events = new Set(request.events);
      let source: EventSource | undefined;

      const receive = (event: Event): void => {
        if (!isMessage(event)) return;
        receiver.received({ event: event.type, id: event.lastEventId || undefined, data: String(event.data) });
      };
      const start = async (): Promise<void> => {
        const answer =
          authorization === null ? null : await ask(withQuery(url, { ticket: "" }), "POST", "application/json");
        if (answer && !answer.ok) {
          receiver.failed(failureOf(answer));
          return;
        }
        const ticket = answer && ((await answer.json()) as { readonly ticket: string }).ticket;
        if (controller.signal.aborted) return;
        const address = withQuery(url, { ticket, last_event_id: cursor });
        source = new (options.EventSource ?? EventSource)(address, { withCredentials: credentials === "include" });
        // EventSource doesn't tell what the answer was. With a ticket, the next attempt to get one will.
        watch(source, receiver, async () => (answer ? LOST : failureOf(await ask(url, "HEAD", STREAM))));
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

/** Reports the opening and the end; `explain` finds out why there was no stream. */
function watch(source: EventSource, receiver: Receiver, explain: () => Promise<Failure>): void {
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
    if (!refused) receiver.failed(LOST);
    else
      explain().then(
        (failure) => receiver.failed(failure),
        () => receiver.failed(LOST),
      );
  });
}

/** EventSource's own events have no data. */
const isMessage = (event: Event): event is MessageEvent => "data" in event;

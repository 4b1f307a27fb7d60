/**
 * Streams by the browser's `EventSource`; knows no protocol.
 *
 * It can't send headers, so a token is exchanged for a ticket first (PROTOCOL, "Tickets"); no token is ever in a URL.
 * Of its own it would reconnect with a ticket that is used up, and give up on a 503: so each one is used for one
 * connection, and closed at the first error.
 */
import type { Failure } from "../errors";
import { carry, failureOf, LOST, STREAM, withQuery, type Ask, type Receiver, type Transport } from "./transport";

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
      const { url, cursor, authorization, credentials, events } = request;
      let source: EventSource | undefined;

      const receive = (event: Event): void => {
        if (!isMessage(event)) return;
        receiver.received({ event: event.type, id: event.lastEventId, data: event.data as string });
      };
      const run = async (ask: Ask, signal: AbortSignal): Promise<Failure> => {
        const answer =
          authorization === null ? null : await ask(withQuery(url, "ticket", ""), "POST", "application/json");
        if (answer && !answer.ok) return failureOf(answer);
        const ticket = answer && ((await answer.json()) as { readonly ticket: string }).ticket;
        if (signal.aborted) return LOST;
        const address = withQuery(withQuery(url, "ticket", ticket), "last_event_id", cursor);
        source = new (options.EventSource ?? EventSource)(address, { withCredentials: credentials === "include" });
        for (const event of events) source.addEventListener(event, receive);
        const refused = await ended(source, receiver, signal);
        // EventSource doesn't tell what the answer was. With a ticket, the next attempt to get one will.
        return refused && !answer ? failureOf(await ask(url, "HEAD", STREAM)) : LOST;
      };

      // The same one twice is once.
      return carry(request, receiver, options.fetch, run, (event) => source?.addEventListener(event, receive));
    },
  };
}

/** Fulfilled at the stream's end: true where there was an answer, and no stream in it [sse]. */
function ended(source: EventSource, receiver: Receiver, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let opened = false;
    // An event of the stream may be called `open` or `error`, too.
    source.addEventListener("open", (event) => {
      if (isMessage(event)) return;
      opened = true;
      receiver.opened();
    });
    source.addEventListener("error", (event) => {
      if (isMessage(event)) return;
      resolve(!opened && source.readyState === 2); // CLOSED
      source.close();
    });
    signal.addEventListener("abort", () => source.close());
  });
}

/** EventSource's own events have no data. */
const isMessage = (event: Event): event is MessageEvent => "data" in event;

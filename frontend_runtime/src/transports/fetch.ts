/** Streams by `fetch`: for headers, React Native and Node; knows no protocol. */
import { carry, failureOf, LOST, STREAM, withQuery, type Transport } from "./transport";

export interface FetchTransportOptions {
  /** The `fetch` to use; its responses must have a readable `body`. The global one if none is given. */
  readonly fetch?: typeof globalThis.fetch;
}

/** A transport that sends the token in a header. Make it once: channels share a connection only if they share this. */
export function fetchTransport(options: FetchTransportOptions = {}): Transport {
  return {
    // It passes on every event, whoever listens.
    open: (request, receiver) =>
      carry(request, receiver, options.fetch, async (ask) => {
        // The cursor as a parameter: a header would have to be allowed by CORS, where only common ones are.
        const response = await ask(withQuery(request.url, "last_event_id", request.cursor), "GET", STREAM);
        // Loaded when it is first used: pages with an EventSource never need it.
        const { readEvents } = await import("./event-stream");
        return (await readEvents(response, receiver)) ? LOST : failureOf(response);
      }),
  };
}

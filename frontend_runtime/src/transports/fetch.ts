/** Streams by `fetch`: for headers, React Native and Node; knows no protocol. */
import {
  failureOf,
  LOST,
  requestInit,
  withQuery,
  type Receiver,
  type StreamRequest,
  type Transport,
} from "./transport";

export interface FetchTransportOptions {
  /** The `fetch` to use; its responses must have a readable `body`. The global one if none is given. */
  readonly fetch?: typeof globalThis.fetch;
}

/** A transport that sends the token in a header. Make it once: channels share a connection only if they share this. */
export function fetchTransport(options: FetchTransportOptions = {}): Transport {
  return {
    open(request, receiver) {
      const controller = new AbortController();
      read(options.fetch ?? fetch, request, receiver, controller.signal).catch(() => receiver.failed(LOST));
      return {
        listen: () => undefined, // Every event is passed on.
        close: () => controller.abort(),
      };
    },
  };
}

async function read(
  get: typeof globalThis.fetch,
  request: StreamRequest,
  receiver: Receiver,
  signal: AbortSignal,
): Promise<void> {
  // The cursor as a parameter: a header would have to be allowed by CORS, where only common ones are.
  const url = withQuery(request.url, { last_event_id: request.cursor });
  const response = await get(url, requestInit(request, signal, "GET", "text/event-stream"));
  const { status, body, headers } = response;
  if (status !== 200 || !body || !/^text\/event-stream\b/i.test(headers.get("Content-Type") ?? "")) {
    receiver.failed(failureOf(response));
    await body?.cancel();
    return;
  }
  // Loaded when it is first used: pages with an EventSource never need it.
  const { createParser } = await import("eventsource-parser");
  receiver.opened();
  const parser = createParser({
    onEvent: ({ event = "message", id, data }) => receiver.received({ event, id, data }),
    onRetry: (milliseconds) => receiver.retry(milliseconds),
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      receiver.failed(LOST);
      return;
    }
    parser.feed(decoder.decode(value, { stream: true }));
  }
}

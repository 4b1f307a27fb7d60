/** Streams by `fetch`: for headers, React Native and Node; knows no protocol. */
import { createParser } from "eventsource-parser";
import { failureOf, requestInit, withQuery, type Receiver, type StreamRequest, type Transport } from "./transport";

export interface FetchTransportOptions {
  /** The `fetch` to use; its responses must have a readable `body`. The global one if none is given. */
  readonly fetch?: typeof globalThis.fetch;
}

/** A transport that sends the token in a header. Make it once: channels share a connection only if they share this. */
export function fetchTransport({ fetch: given }: FetchTransportOptions = {}): Transport {
  return {
    open(request, receiver) {
      const controller = new AbortController();
      void read(given ?? fetch, request, receiver, controller.signal);
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
  try {
    // The cursor as a parameter: a header would have to be allowed by CORS, where only common ones are.
    const url = withQuery(request.url, { last_event_id: request.cursor });
    const response = await get(url, requestInit(request, signal, "text/event-stream"));
    if (signal.aborted) return;
    const type = response.headers.get("Content-Type") ?? "";
    if (response.status === 200 && response.body && /^text\/event-stream\b/i.test(type)) {
      receiver.opened();
      await pass(response.body, receiver, signal);
      if (!signal.aborted) receiver.failed({ status: null, reason: "The server closed the stream." });
    } else {
      void response.body?.cancel().catch(() => undefined);
      receiver.failed(failureOf(response));
    }
  } catch {
    if (!signal.aborted) receiver.failed({ status: null });
  }
}

async function pass(body: ReadableStream<Uint8Array>, receiver: Receiver, signal: AbortSignal): Promise<void> {
  const parser = createParser({
    onEvent({ event, id, data }) {
      // A chunk holds many events, and any of them may lead to the stream being closed.
      if (!signal.aborted) receiver.received({ event: event || "message", id, data });
    },
    onRetry: (milliseconds) => signal.aborted || receiver.retry(milliseconds),
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) return;
    parser.feed(decoder.decode(value, { stream: true }));
  }
}

/** Reads Server-Sent Events [sse] from an answer; knows no protocol. Loaded when `fetch` streams are first used. */
import { createParser } from "eventsource-parser";
import type { Receiver } from "./transport";

/** Tells `receiver` what the stream says. True at its end, false at once where `response` is no stream. */
export async function readEvents({ status, body, headers }: Response, receiver: Receiver): Promise<boolean> {
  if (status !== 200 || !body || !/^text\/event-stream\b/i.test(headers.get("Content-Type") ?? "")) {
    body?.cancel().catch(() => undefined); // It may have broken already.
    return false;
  }
  receiver.opened();
  const parser = createParser({
    onEvent: ({ event = "message", id, data }) => receiver.received({ event, id, data }),
    onRetry: (milliseconds) => receiver.retry(milliseconds),
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return true;
    parser.feed(decoder.decode(value, { stream: true }));
  }
}

/** What carries events from the server: the interface, and what its implementations share; knows no protocol. */
import type { Failure } from "../errors";
import type { StreamEvent } from "../protocol";

export interface StreamRequest {
  /** Of the channel, without query parameters for tickets and cursors. */
  readonly url: string;
  /** Where to go on from. */
  readonly cursor: string | null;
  /** The value of the header `Authorization`. */
  readonly authorization: string | null;
  readonly credentials: RequestCredentials;
  /** The events that somebody wants to hear of. The set grows: look when the stream is there. More may be passed on. */
  readonly events: ReadonlySet<string>;
}

/** Is told, in this order: `opened` once, events and `retry` in theirs, `failed` once and nothing after it. */
export interface Receiver {
  opened(): void;
  received(event: StreamEvent): void;
  /** The stream's `retry` field, in milliseconds, where the transport gets to see it. */
  retry(milliseconds: number): void;
  /** There is no stream, or no longer. */
  failed(failure: Failure): void;
}

export interface OpenStream {
  /** Hear of this event, too, which has just been added to the request's. */
  listen(event: string): void;
  /** Close it. What the receiver is told after that means nothing. */
  close(): void;
}

/** Carries streams. It opens one and leaves it at that: to open another is for whoever asked. */
export interface Transport {
  open(request: StreamRequest, receiver: Receiver): OpenStream;
}

/** No answer, or the end of one. */
export const LOST: Failure = {};

/** `url` with one more query parameter; without it where `value` is null. */
export function withQuery(url: string, name: string, value: string | null): string {
  return value === null ? url : `${url}${url.includes("?") ? "&" : "?"}${name}=${encodeURIComponent(value)}`;
}

/** The media type of a stream. */
export const STREAM = "text/event-stream";

/** Sends a request with the method and for the media type given. */
export type Ask = (url: string, method: string, accept: string) => Promise<Response>;

/**
 * What every transport does: asks for what belongs to `request`, with a `fetch` of one's own or the global one, and
 * reports what `run` found out in the end. The signal is aborted when the stream is closed.
 */
export function carry(
  { authorization, credentials }: StreamRequest,
  receiver: Receiver,
  get = globalThis.fetch,
  run: (ask: Ask, signal: AbortSignal) => Promise<Failure>,
  listen: OpenStream["listen"] = () => undefined,
): OpenStream {
  const controller = new AbortController();
  const { signal } = controller;
  const ask: Ask = (url, method, Accept) => {
    const headers = { Accept, ...(authorization !== null && { Authorization: authorization }) };
    return get(url, { method, headers, signal, credentials, cache: "no-store" });
  };
  void run(ask, signal)
    .catch(() => LOST)
    .then((failure) => receiver.failed(failure));
  return { listen, close: () => controller.abort() };
}

/** What an answer means that is not the one hoped for. */
export function failureOf({ status, headers }: Response): Failure {
  const text = headers.get("Retry-After"); // [rfc9110 §10.2.3]; CORS may hide it.
  // Seconds, or else a date. What is neither asks for nothing.
  return { status, retryAfter: Number(text) * 1000 || Date.parse(text ?? "") - Date.now() || 0 };
}

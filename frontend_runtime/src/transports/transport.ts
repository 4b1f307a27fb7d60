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
  readonly credentials: RequestCredentials | undefined;
  /** The events that somebody wants to hear of. More may be passed on. */
  readonly events: Iterable<string>;
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
  /** Hear of this event, too. */
  listen(event: string): void;
  /** Close it. Nothing is told any more, a failure neither. */
  close(): void;
}

/** Carries streams. It opens one and leaves it at that: to open another is for whoever asked. */
export interface Transport {
  open(request: StreamRequest, receiver: Receiver): OpenStream;
}

/** `url` with query parameters; null ones are left out. */
export function withQuery(url: string, parameters: Readonly<Record<string, string | null>>): string {
  const query = Object.entries(parameters)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => (value === "" ? name : `${name}=${encodeURIComponent(value ?? "")}`))
    .join("&");
  return (query && `${url}${url.includes("?") ? "&" : "?"}${query}`) || url;
}

/** What a request of `fetch` is made with in every transport. */
export function requestInit(request: StreamRequest, signal: AbortSignal, accept: string): RequestInit {
  const headers: Record<string, string> = { Accept: accept };
  if (request.authorization !== null) headers["Authorization"] = request.authorization;
  const { credentials } = request;
  return { headers, signal, cache: "no-store", ...(credentials && { credentials }) };
}

/** What an answer means that is not the one hoped for. */
export function failureOf(response: Response): Failure {
  const { status } = response;
  if (status >= 300) return { status, retryAfter: retryAfter(response) };
  const type = response.headers.get("Content-Type") ?? "nothing that has a type";
  return { status, reason: `The server answered with ${type} instead of a stream.` };
}

/** Milliseconds [rfc9110 §10.2.3]; null where the header is missing, unreadable or hidden by CORS. */
function retryAfter(response: Response): number | null {
  const text = response.headers.get("Retry-After");
  if (text === null) return null;
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return milliseconds >= 0 ? milliseconds : null;
}

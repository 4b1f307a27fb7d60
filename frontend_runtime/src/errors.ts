/** What can go wrong, in words; knows neither the network nor the protocol. */

export type ChannelErrorCode =
  /** The server can't be reached, or answers with 5xx. It is tried again. */
  | "unreachable"
  /** The server asks to come back later (429, 503). It is tried again. */
  | "busy"
  /** What arrived broke the protocol. The state is resumed or fetched anew. */
  | "protocol"
  /** The credentials were refused (401). Final. */
  | "unauthenticated"
  /** The reader may not read this (403). Final. */
  | "forbidden"
  /** There is nothing at this URL (404). Final. */
  | "not-found"
  /** The server won't answer such a request (any other 4xx). Final. */
  | "refused"
  /** The reader may not read any more. Final. */
  | "revoked"
  /** What was shown has been deleted. Final. */
  | "gone";

/**
 * Why a channel is not live. `code` is for programs, `message` for developers, `status` is HTTP's where there was one.
 * It is found in a snapshot's `error`, and goes as soon as the channel is live again.
 */
export class ChannelError extends Error {
  override readonly name = "ChannelError";

  constructor(
    readonly code: ChannelErrorCode,
    message: string,
    readonly status: number | null = null,
  ) {
    super(message);
  }
}

/** Why no stream came about, or why it ended: what a transport found out. */
export interface Failure {
  /** HTTP's, where an answer came that was not a stream; none where there was no answer, or the stream broke. */
  readonly status?: number | null;
  /** Milliseconds that the server wants to be left alone (`Retry-After`). What is not positive asks for nothing. */
  readonly retryAfter?: number | undefined;
  /** What happened, where there is no status. A sentence. */
  readonly reason?: string;
}

/** What PROTOCOL, "Errors at connect", says about each status. */
const CODES: Readonly<Record<number, ChannelErrorCode>> = {
  401: "unauthenticated",
  403: "forbidden",
  404: "not-found",
  // These two say that the same request may do better next time.
  408: "unreachable",
  425: "unreachable",
  429: "busy",
  503: "busy",
};

/** The error that `failure` is to the application. */
export function errorOf({ status, reason = "No connection." }: Failure): ChannelError {
  if (!status) return new ChannelError("unreachable", reason);
  const code = CODES[status] ?? (status >= 400 && status < 500 ? "refused" : "unreachable");
  return new ChannelError(code, `The server answered with ${status} (${code}).`, status);
}

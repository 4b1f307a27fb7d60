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
  /** HTTP's, where an answer came that was not a stream; null where there was none, or the stream broke. */
  readonly status: number | null;
  /** Milliseconds that the server wants to be left alone (`Retry-After`). */
  readonly retryAfter?: number | null;
  /** What happened, where the status doesn't say it. A sentence. */
  readonly reason?: string;
}

/** What PROTOCOL, "Errors at connect", says about each status. */
const BY_STATUS: Readonly<Record<number, readonly [ChannelErrorCode, string]>> = {
  401: ["unauthenticated", "The server accepts no credentials that were sent. Make the channel with a valid token."],
  403: ["forbidden", "This reader may not read this channel (its has_permission says no)."],
  404: ["not-found", "There is nothing at the channel's URL, or this reader may not know."],
  429: ["busy", "The server asks to come back later."],
  503: ["busy", "The server asks to come back later."],
};

/** The error that `failure` is to the application. */
export function errorOf({ status, reason }: Failure): ChannelError {
  const known = status === null ? undefined : BY_STATUS[status];
  if (known) return new ChannelError(known[0], known[1], status);
  // 408 and 425 say that the same request may do better next time.
  const final = status !== null && status >= 400 && status < 500 && status !== 408 && status !== 425;
  const text =
    reason ?? (status === null ? "There is no connection." : `The server answered with ${status}, not a stream.`);
  return new ChannelError(final ? "refused" : "unreachable", text, status);
}

/** Whether trying again is left to a human being. */
export function isFinal({ code }: ChannelError): boolean {
  return code !== "unreachable" && code !== "busy" && code !== "protocol";
}

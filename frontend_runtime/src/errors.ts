/** What can go wrong, as types; knows neither the network nor the protocol. */

/** Why a channel has no live state; `code` is for programs, `message` for people, `status` is HTTP's where there was one. */
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

export type ChannelErrorCode =
  /** The server can't be reached, or answers with 5xx; it is tried again. */
  | "unreachable"
  /** The server asks to come back later (429, 503); it is tried again. */
  | "busy"
  /** What arrived broke the protocol; the state is fetched anew. */
  | "protocol"
  /** The token was refused (401). Final. */
  | "unauthenticated"
  /** The reader may not read this (403). Final. */
  | "forbidden"
  /** There is nothing at this URL (404). Final. */
  | "not-found"
  /** The server can't answer in this form (another 4xx, or no stream at all). Final. */
  | "refused"
  /** The reader may not read any more; the state was dropped. Final. */
  | "revoked"
  /** What was shown has been deleted. Final. */
  | "gone";

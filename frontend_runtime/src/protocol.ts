/** Reads events as messages of `rxsse/1` (PROTOCOL, "Events" and "Cursor"); knows no connection and no state. */
import type { Operation } from "./patch";

/** One event as its framing gives it [sse]. */
export interface StreamEvent {
  readonly event: string;
  /** Undefined or empty where there is none. */
  readonly id: string | undefined;
  readonly data: string;
}

export type Message =
  | { readonly type: "snapshot"; readonly cursor: string; readonly state: unknown }
  | {
      readonly type: "patch";
      readonly cursor: string;
      readonly operations: readonly Operation[];
      readonly text: string;
    }
  | { readonly type: "mark"; readonly cursor: string | null }
  | { readonly type: "reset" }
  | { readonly type: "gone" }
  | { readonly type: "revoked"; readonly reason: string }
  /** `retry` in milliseconds; null where it can't be read. */
  | { readonly type: "bye"; readonly retry: number | null }
  | { readonly type: "application"; readonly event: string; readonly body: unknown }
  /** What can't be read. Where `fatal`, the history can't go on from here; else it means nothing. */
  | { readonly type: "malformed"; readonly fatal: boolean };

/** The names that have a meaning here; all others are the application's. */
export const EVENT_NAMES = ["snapshot", "patch", "mark", "reset", "gone", "revoked", "bye"] as const;

/** What `event` says. Never throws. */
export function read({ event, id = "", data }: StreamEvent): Message {
  const body = parse(data);
  const { cursor, reason, retry } = Object(body) as Readonly<Record<string, unknown>>;
  switch (event) {
    case "mark":
      return { type: event, cursor: typeof cursor === "string" ? cursor : null };
    case "reset":
    case "gone":
      return { type: event };
    case "revoked":
      return { type: event, reason: typeof reason === "string" ? reason : "" };
    case "bye":
      return { type: event, retry: typeof retry === "number" && retry >= 0 ? retry : null };
  }
  const isSnapshot = event === "snapshot";
  const isPatch = event === "patch";
  if (body === undefined || (isSnapshot && !FORM.test(id))) return { type: "malformed", fatal: isSnapshot || isPatch };
  if (isSnapshot) return { type: event, cursor: id, state: body };
  if (isPatch) return { type: event, cursor: id, operations: body as readonly Operation[], text: data };
  return { type: "application", event, body };
}

/**
 * How many revisions `cursor` is ahead of `held`, which may be a negative number; NaN where they are not of one history
 * (PROTOCOL, "Cursor"), or one of them is no cursor.
 */
export function stepsTo(cursor: string, held: string | null): number {
  const [, epoch, revision] = FORM.exec(cursor) ?? [];
  const [, heldEpoch, heldRevision] = FORM.exec(held ?? "") ?? [];
  if (!revision || !heldRevision || epoch !== heldEpoch) return NaN;
  // A revision may lie above 2^53, where numbers are not exact any more.
  return Number(BigInt(revision) - BigInt(heldRevision));
}

const FORM = /^([\w-]{1,32})\.(0|[1-9]\d{0,15})$/;

/** The JSON value, or undefined where `text` is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

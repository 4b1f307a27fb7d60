/** Says whether what is on the screen can be relied on: as a word in the corner, and loudly when it can't. */
import type { Status } from "@rxsse/react";
import { useEffect, type ReactNode } from "react";
import { Link } from "wouter";
import { SESSION_ENDED } from "../api/client";
import { end } from "../session/session";
import { clock } from "../ui/dates";
import { EmptyState } from "../ui/EmptyState";
import { Icon } from "../ui/Icon";
import { useChannelError, useDisconnection, useStatus, type AnyChannel } from "./useStatus";

const WORDS: Record<Status, string> = {
  idle: "Not connected",
  loading: "Connecting",
  live: "Live",
  stale: "Reconnecting",
  closed: "Closed",
};

export function ConnectionBadge({ channel }: { channel: AnyChannel }) {
  const status = useStatus(channel);
  return (
    <span className="badge" data-status={status} role="status" aria-label="Connection">
      <span className="badge-dot" aria-hidden="true" />
      {WORDS[status]}
    </span>
  );
}

/** What is on the screen was true a moment ago; that it may not be any more is said where nobody overlooks it. */
export function StaleNotice({ channel }: { channel: AnyChannel }) {
  const stale = useStatus(channel) === "stale";
  const since = useDisconnection(channel);
  return (
    <div role="status" aria-label="Connection lost" className="stale-region">
      {stale && (
        <p className="stale-notice">
          <Icon name="warning" />
          <span>
            {since === null ? "The server is catching up." : `No connection since ${clock(since)}.`} This is the last
            known state; it comes up to date by itself.
          </span>
        </p>
      )}
    </div>
  );
}

/** In place of a page whose channel is closed, or waiting for its first state with the server out of reach. */
export function Closed({ channel, what }: { channel: AnyChannel; what: string }) {
  const error = useChannelError(channel);
  const unauthenticated = error?.code === "unauthenticated";
  useEffect(() => {
    if (unauthenticated) end(SESSION_ENDED);
  }, [unauthenticated]);
  const reasons: Partial<Record<string, readonly [title: string, advice: string]>> = {
    forbidden: [`You take no part in this ${what}`, "Its owner can invite you; or perhaps there is no such one."],
    "not-found": [`There is no such ${what}`, "It may have been deleted."],
    revoked: [`You may not see this ${what} any more`, "Its owner has removed you, or your session has ended."],
    gone: [`This ${what} has been deleted`, "Somebody has just done so."],
  };
  const [title, advice] = reasons[error?.code ?? ""] ?? [`This ${what} can’t be shown`, error?.message];
  return (
    <EmptyState icon="warning" title={title}>
      <p>{advice}</p>
      <p className="row">
        <button type="button" className="button" onClick={() => channel.reconnect()}>
          Try again
        </button>
        <Link href="/" className="button button-main">
          Back to the projects
        </Link>
      </p>
    </EmptyState>
  );
}

/** The bare shape of a page while its first state is on its way; says what is in the way, if something is. */
export function Loading({ channel, children }: { channel: AnyChannel; children: ReactNode }) {
  const error = useChannelError(channel);
  return (
    <>
      {error && (
        <p className="stale-notice" role="alert">
          <Icon name="warning" />
          <span>The server can’t be reached at the moment. Trying again…</span>
        </p>
      )}
      <div aria-hidden="true">{children}</div>
      <p className="sr-only" role="status">
        Loading
      </p>
    </>
  );
}

/** Says whether what is on the screen can be relied on: as a word in the corner, and loudly when it can't. */
import type { Status } from "@rxsse/react";
import type { ReactNode } from "react";
import { Link } from "wouter";
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
  const title: Partial<Record<string, string>> = {
    forbidden: `You take no part in this ${what}`,
    "not-found": `There is no such ${what}`,
    revoked: `You may not see this ${what} any more`,
    gone: `This ${what} has been deleted`,
  };
  return (
    <EmptyState icon="warning" title={title[error?.code ?? ""] ?? `This ${what} can’t be shown`}>
      <p>{error?.message ?? "The server has closed the connection."}</p>
      <p>
        <Link href="/" className="button">
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

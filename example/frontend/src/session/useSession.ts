import { useSyncExternalStore } from "react";
import { getNotice, getSession, subscribe, type Session } from "./session";

export function useSession(): Session | null {
  return useSyncExternalStore(subscribe, getSession);
}

export function useNotice(): string | null {
  return useSyncExternalStore(subscribe, getNotice);
}

/** The session of a page that is shown to nobody without one. */
export function useMe(): Session {
  const session = useSession();
  if (session === null) throw new Error("This component is for people who are logged in; render it below <Session>.");
  return session;
}

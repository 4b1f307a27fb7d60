/** Who is logged in, per window; knows neither React nor the API. */

export interface Session {
  readonly token: string;
  readonly username: string;
}

const KEY = "board.session";
const listeners = new Set<() => void>();
let session: Session | null = read();
let notice: string | null = null;

/**
 * A window keeps its own session, so that two of them side by side can be two people; a new window begins with the
 * latest one.
 */
function read(): Session | null {
  const kept = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
  if (kept === null) return null;
  sessionStorage.setItem(KEY, kept);
  return JSON.parse(kept) as Session;
}

export function getSession(): Session | null {
  return session;
}

/** Why the last session ended, for the page that asks to log in again. */
export function getNotice(): string | null {
  return notice;
}

export function begin(next: Session): void {
  const kept = JSON.stringify(next);
  sessionStorage.setItem(KEY, kept);
  localStorage.setItem(KEY, kept);
  notice = null;
  change(next);
}

/** Log this window out; others keep their sessions. `why` is shown to the person where it wasn't their own wish. */
export function end(why: string | null = null): void {
  if (session === null) return;
  if (localStorage.getItem(KEY) === sessionStorage.getItem(KEY)) localStorage.removeItem(KEY);
  sessionStorage.removeItem(KEY);
  notice = why;
  change(null);
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function change(next: Session | null): void {
  session = next;
  listeners.forEach((listener) => listener());
}

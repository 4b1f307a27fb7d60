/** What goes wrong with a write is said in a corner; what happens by keyboard is said to screen readers. */
import { useCallback, useSyncExternalStore } from "react";
import { ApiError } from "../api/client";
import { Icon } from "./Icon";

interface Messages {
  readonly error: string | null;
  readonly announcement: string;
}

let messages: Messages = { error: null, announcement: "" };
const listeners = new Set<() => void>();

function change(part: Partial<Messages>): void {
  messages = { ...messages, ...part };
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Say something to screen readers, politely. */
export function announce(announcement: string): void {
  change({ announcement });
}

export type Written<Answer> = { ok: true; answer: Answer } | { ok: false; message: string };

/** Runs one write and says so where it fails; it never throws what the API can answer. */
export function useWrite(): <Answer>(write: () => Promise<Answer>) => Promise<Written<Answer>> {
  return useCallback(async (write) => {
    try {
      const answer = await write();
      change({ error: null });
      return { ok: true, answer };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      change({ error: error.message });
      return { ok: false, message: error.message };
    }
  }, []);
}

export function Messages() {
  const { error, announcement } = useSyncExternalStore(subscribe, () => messages);
  return (
    <>
      <div className="announcer" aria-live="polite">
        {announcement}
      </div>
      <div role="alert" className="toasts">
        {error !== null && (
          <div className="toast">
            <Icon name="warning" />
            <span>{error}</span>
            <button type="button" className="icon-button" aria-label="Dismiss" onClick={() => change({ error: null })}>
              <Icon name="close" />
            </button>
          </div>
        )}
      </div>
    </>
  );
}

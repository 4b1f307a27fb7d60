/** What the page's surroundings tell about its connections: network, visibility, sleep; knows no stream. */

/** False only where the browser says so: outside of one there may be a `navigator` that knows nothing about it. */
export const isOnline = (): boolean => (globalThis.navigator as Partial<Navigator> | undefined)?.onLine !== false;

/**
 * Watches until the function that it returns is called. Outside a page there is nothing to watch.
 *
 * `onWake`: the page was looked at again; where `suspect`, connections of before can't be trusted. `onOffline`: the
 * network is gone, says the browser.
 */
export function watch(onWake: (suspect: boolean) => void, onOffline: () => void): () => void {
  if (typeof document === "undefined") return () => undefined;
  const controller = new AbortController();
  const on = (target: EventTarget, event: string, listener: (event: Event) => void): void =>
    target.addEventListener(event, listener, { signal: controller.signal });
  on(window, "online", () => onWake(true));
  on(window, "offline", onOffline);
  // Back from the cache of pages left, or from being frozen: what was connected then, may not be now.
  on(window, "pageshow", (event) => (event as PageTransitionEvent).persisted && onWake(true));
  on(document, "resume", () => onWake(true));
  on(document, "visibilitychange", () => document.hidden || onWake(false));
  return () => controller.abort();
}

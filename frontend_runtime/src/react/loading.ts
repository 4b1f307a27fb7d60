/** Promises of a first state, for Suspense; knows channels, not how they work. */
import type { StateChannel } from "../channel";
import { find } from "../store";

/** By connection, while it has no state: what is suspended has no component yet that could keep its promise. */
const promises = new WeakMap<object, Promise<void>>();

/** Milliseconds that a connection is held for a component that is about to be rendered and to subscribe itself. */
const HANDOVER = 5_000;

/** Fulfilled when the channel has a state, or won't get one. The same promise for the same channel while it waits. */
export function loading<State>(channel: StateChannel<State, object>): Promise<void> {
  if (typeof window === "undefined") throw new Error("On a server a channel needs `initial`.");
  const source = (): object => find(channel.key) as object; // Nothing is known of none.
  const known = promises.get(source());
  if (known) return known;
  const promise = new Promise<void>((resolve) => {
    const leave = channel.subscribe(() => {
      const { state, status } = channel.getSnapshot();
      if (state === undefined && status !== "closed") return;
      promises.delete(source());
      setTimeout(leave, HANDOVER);
      resolve();
    });
  });
  promises.set(source(), promise);
  return promise;
}

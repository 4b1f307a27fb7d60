/** The hooks: a channel's snapshot, a selection of it, a row of it. Knows channels, not how they work. */
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore, type RefObject } from "react";
import type { StateChannel } from "../channel";
import { findInstance } from "../instances";
import { IDLE, type ChannelSnapshot, type Key } from "../store";
import { loading } from "./loading";

/** What a selector made. */
interface Shown {
  readonly selection: unknown;
}

type AnyChannel<State, Rows extends object = object> = StateChannel<State, Rows>;

/**
 * The channel's snapshot; the component renders again whenever it changes. With null instead of a channel the status is
 * `"idle"`, and nothing is opened.
 */
export function useChannelState<State>(channel: AnyChannel<State> | null | undefined): ChannelSnapshot<State>;
/**
 * What `selector` makes of the channel's snapshot; the component renders again only when that is no longer `equal`
 * (`Object.is` if none is given) to what it was.
 */
export function useChannelState<State, Selection>(
  channel: AnyChannel<State> | null | undefined,
  selector: (snapshot: ChannelSnapshot<State>) => Selection,
  equal?: (one: Selection, other: Selection) => boolean,
): Selection;
export function useChannelState<State>(
  channel: AnyChannel<State> | null | undefined,
  selector: (snapshot: ChannelSnapshot<State>) => unknown = identity,
  equal: (one: unknown, other: unknown) => boolean = Object.is,
): unknown {
  const same = useSameChannel(channel);
  const shown = useRef<Shown | null>(null);

  const [read, readOnServer] = useMemo(() => {
    // eslint-disable-next-line react-hooks/refs -- What is on screen: a selector made in this render gives it back, if equal.
    const select = memoize(selector, equal, shown);
    return [() => select(same?.getSnapshot() ?? IDLE), () => select(same?.getServerSnapshot() ?? IDLE)] as const;
  }, [same, selector, equal]);

  const subscribe = useCallback((listener: () => void) => same?.subscribe(listener) ?? (() => undefined), [same]);
  const selection = useSyncExternalStore(subscribe, read, readOnServer);
  useEffect(() => {
    shown.current = { selection };
  }, [selection]);
  return selection;
}

/** The types of rows that a channel has, and what they look like. */
type RowsOf<Channel> = Channel extends StateChannel<unknown, infer Rows> ? Rows : never;

/**
 * The row of `type` whose key is `id`, wherever it sits in the state; undefined where there is none. The component
 * renders again only when that row changes.
 */
export function useChannelInstance<
  Channel extends StateChannel<unknown, object>,
  Type extends keyof RowsOf<Channel> & string,
>(
  channel: Channel | null | undefined,
  type: Type,
  id: string | number | null | undefined,
): RowsOf<Channel>[Type] | undefined {
  const index = (channel?.constructor as typeof StateChannel | undefined)?.instances;
  const select = useCallback(
    ({ state }: ChannelSnapshot<unknown>) =>
      index && id !== null && id !== undefined ? findInstance(state, index, type, id) : undefined,
    [index, type, id],
  );
  return useChannelState(channel, select) as RowsOf<Channel>[Type] | undefined;
}

/**
 * As `useChannelState`, but suspends until there is a state, and throws the channel's error to the nearest error
 * boundary where there won't be one. On a server it needs a channel with `initial`.
 */
export function useChannelStateSuspense<State>(
  channel: AnyChannel<State>,
): ChannelSnapshot<State> & { readonly state: State } {
  const snapshot = useChannelState(channel);
  if (snapshot.state !== undefined) return snapshot as ChannelSnapshot<State> & { readonly state: State };
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- To throw a promise is how React 18 is told to wait.
  throw snapshot.status === "closed" ? snapshot.error : loading(channel);
}

const identity = (snapshot: unknown): unknown => snapshot;

/** The same object for channels that describe the same, so that one may be made in every render. */
function useSameChannel<State>(channel: AnyChannel<State> | null | undefined): typeof channel {
  const { kind, transport, ...rest } = channel?.key ?? ({} as Partial<Key>);
  // In JSON a token function is nothing: one made in a render is a new one each time.
  const description = JSON.stringify(rest);
  const same = useMemo(
    () => channel,
    // eslint-disable-next-line react-hooks/exhaustive-deps -- All that a key has.
    [kind, transport, description],
  );
  useEffect(() => {
    if (channel && same !== channel) same?.adoptToken(channel);
  }, [same, channel]);
  return same;
}

/** `selector`, run once per snapshot, and giving what it gave before as long as that is `equal`. */
function memoize<Snapshot>(
  selector: (snapshot: Snapshot) => unknown,
  equal: (one: unknown, other: unknown) => boolean,
  shown: Readonly<RefObject<Shown | null>>,
): (snapshot: Snapshot) => unknown {
  let last: (Shown & { readonly snapshot: Snapshot }) | undefined;
  return (snapshot) => {
    if (last?.snapshot === snapshot) return last.selection;
    const before = last ?? shown.current;
    const selection = selector(snapshot);
    last = { snapshot, selection: before && equal(before.selection, selection) ? before.selection : selection };
    return last.selection;
  };
}

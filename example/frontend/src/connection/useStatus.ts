/** Single properties of a channel's snapshot, for components that don't render with every patch. */
import { useChannelState, type StateChannel } from "@rxsse/react";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- Of any channel: its state is not looked at.
export type AnyChannel = StateChannel<any, any>;

export const useStatus = (channel: AnyChannel) => useChannelState(channel, ({ status }) => status);
export const useChannelError = (channel: AnyChannel) => useChannelState(channel, ({ error }) => error);
export const useDisconnection = (channel: AnyChannel) =>
  useChannelState(channel, ({ noConnectionSince }) => noConnectionSince);

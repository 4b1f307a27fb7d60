/** The whole package: `@rxsse/react`. */
export * from "./core";
export { useChannelInstance, useChannelState, useChannelStateSuspense } from "./react/hooks";

/** The package without React: `@rxsse/react/core`. */
export { configure, StateChannel, type ChannelOptions, type Defaults, type InstanceIndex } from "./channel";
export { ChannelError, type ChannelErrorCode } from "./errors";
export { findInstance } from "./instances";
export { applyPatch, PatchError, type Operation } from "./patch";
export type { StreamEvent } from "./protocol";
export type { AppliedPatch, ChannelSnapshot, Initial, Status } from "./store";
export type { Token } from "./stream";
export { eventSourceTransport, type EventSourceTransportOptions } from "./transports/eventsource";
export { fetchTransport, type FetchTransportOptions } from "./transports/fetch";
export type { OpenStream, Receiver, StreamRequest, Transport } from "./transports/transport";

/** A machine with the parser of Server-Sent Events before it and no network; what the pure tests drive. */
import { createParser } from "eventsource-parser";
import { read, type StreamEvent } from "../src/protocol";
import { begin, step, type Machine, type Moment, type Signal } from "../src/stream-state";

export class Reader<State = unknown> {
  machine: Machine<State>;
  now = 1_000_000;
  random = 0;
  online = true;

  constructor(initial?: { state: State; cursor: string }, canRefresh = false) {
    this.machine = begin<State>({
      state: initial?.state,
      cursor: initial?.cursor ?? null,
      canRefresh,
      markIntervalMs: 15_000,
      retryMs: 2_000,
    });
  }

  get moment(): Moment {
    return { now: this.now, random: this.random, online: this.online };
  }

  send(signal: Signal): this {
    this.machine = step(this.machine, signal, this.moment);
    return this;
  }

  /** A connection is there, whatever there was before. */
  connect(): this {
    if (this.machine.phase === "paused") this.now = this.machine.deadline;
    return this.send({ type: "start" }).send({ type: "tick" }).send({ type: "opened" });
  }

  event(event: string, content: unknown, id?: string): this {
    return this.receive({ event, id, data: JSON.stringify(content) });
  }

  receive(event: StreamEvent): this {
    return this.send(read(event));
  }

  /** What a client did about an event, in the words of the transcripts. */
  act(event: StreamEvent): string {
    const before = this.machine;
    this.receive(event);
    const { phase, state, cursor } = this.machine;
    if (phase === "closed") return "stop";
    if (phase === "paused" || phase === "connecting") return "reconnect";
    if (event.event === "reset" && phase === "awaiting") return "wait";
    return state === before.state && cursor === before.cursor ? "ignore" : "apply";
  }
}

/** Parses text as it arrives. */
export function parsing(receive: (event: StreamEvent) => void): (chunk: Uint8Array) => void {
  const parser = createParser({ onEvent: ({ event = "message", id, data }) => receive({ event, id, data }) });
  const decoder = new TextDecoder();
  return (chunk) => parser.feed(decoder.decode(chunk, { stream: true }));
}

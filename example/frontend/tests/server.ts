/** A board in memory behind the same two doors as the real one: a transport of streams, and HTTP for the writes. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Operation, Transport } from "@rxsse/react/core";

/** Streams that a test sends by hand; every channel that uses it gets the same. */
export class HandTransport implements Transport {
  #receivers = new Set<Parameters<Transport["open"]>[1]>();
  #revision = 0;

  open(_: Parameters<Transport["open"]>[0], receiver: Parameters<Transport["open"]>[1]) {
    this.#receivers.add(receiver);
    queueMicrotask(() => receiver.opened());
    return { listen: () => undefined, close: () => void this.#receivers.delete(receiver) };
  }

  get opened(): number {
    return this.#receivers.size;
  }

  snapshot(state: unknown): void {
    this.#send("snapshot", state, `epoch.${this.#revision}`);
  }

  patch(...operations: Operation[]): void {
    this.#revision += 1;
    this.#send("patch", operations, `epoch.${this.#revision}`);
  }

  /** The connection breaks. */
  lose(): void {
    for (const receiver of [...this.#receivers]) receiver.failed({ status: null });
  }

  refuse(status: number): void {
    for (const receiver of [...this.#receivers]) receiver.failed({ status });
  }

  #send(event: string, body: unknown, id: string): void {
    for (const receiver of [...this.#receivers]) receiver.received({ event, id, data: JSON.stringify(body) });
  }
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

/** Answers over real HTTP on a port of its own, and keeps what it was asked. */
export class Http {
  readonly asked: Asked[] = [];
  answer: (asked: Asked) => readonly [status: number, body: unknown] = () => [200, []];
  /** Waited for before every answer to a write. */
  before: () => Promise<void> = () => Promise.resolve();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      void readBody(request).then(async (body) => {
        const { method = "", url: path = "", headers } = request;
        const asked = { method, path, authorization: headers.authorization, body };
        this.asked.push(asked);
        if (method !== "GET") await this.before();
        const [status, answer] = this.answer(asked);
        response.writeHead(status, { "Content-Type": "application/json" });
        response.end(status === 204 ? undefined : JSON.stringify(answer));
      });
    });
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text === "" ? undefined : JSON.parse(text);
}

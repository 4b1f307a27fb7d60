/** A real HTTP server that does as a test says, misbehaviour included; knows nothing of clients. */
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request that waits for what the test makes of it. */
export class Exchange {
  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
  ) {}

  get url(): URL {
    return new URL(this.request.url ?? "", "http://server");
  }

  get cursor(): string | null {
    return this.url.searchParams.get("last_event_id");
  }

  /** Answer with a stream and begin it with `text`. */
  stream(text = ""): this {
    this.response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform" });
    this.response.flushHeaders();
    if (text) this.response.write(text);
    return this;
  }

  write(text: string | Uint8Array): this {
    this.response.write(text);
    return this;
  }

  end(): void {
    this.response.end();
  }

  /** Break the connection off. */
  destroy(): void {
    this.response.destroy();
  }

  answer(status: number, headers: Record<string, string> = {}, body = ""): void {
    this.response.writeHead(status, headers).end(body);
  }

  /** Fulfilled when the client has closed the connection. */
  closed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.response.closed) resolve();
      else this.response.once("close", resolve);
    });
  }
}

export class Server {
  /** Every request so far, as `"GET /path"`. */
  readonly log: string[] = [];
  /** What a `POST …?ticket` is answered with, one after the other; then 201. */
  readonly ticketStatuses: number[] = [];
  /** What a `HEAD` is answered with. */
  headStatus = 200;
  readonly #waiting: Exchange[] = [];
  readonly #takers: ((exchange: Exchange) => void)[] = [];
  readonly #http: HttpServer;
  readonly authorizations: (string | undefined)[] = [];
  #tickets = 0;

  private constructor() {
    this.#http = createServer((request, response) => this.#receive(request, response));
  }

  static async start(port = 0): Promise<Server> {
    const server = new Server();
    await new Promise<void>((resolve) => server.#http.listen(port, "127.0.0.1", resolve));
    return server;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  /** How many streams were asked for. */
  get streams(): number {
    return this.log.filter((line) => line.startsWith("GET")).length;
  }

  /** The next request for a stream. */
  accept(): Promise<Exchange> {
    const exchange = this.#waiting.shift();
    return exchange ? Promise.resolve(exchange) : new Promise((resolve) => this.#takers.push(resolve));
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    this.log.push(`${request.method ?? ""} ${request.url ?? ""}`);
    response.on("error", () => undefined);
    if (request.method === "POST") {
      this.authorizations.push(request.headers.authorization);
      const status = this.ticketStatuses.shift() ?? 201;
      this.#tickets += 1;
      const body = JSON.stringify(
        status === 201 ? { ticket: `t${String(this.#tickets)}`, expires_in: 30 } : { detail: "No." },
      );
      response.writeHead(status, { "Content-Type": "application/json", "Retry-After": "7" }).end(body);
    } else if (request.method === "HEAD") {
      response.writeHead(this.headStatus, { "Content-Type": "text/event-stream", "Retry-After": "7" }).end();
    } else {
      if (request.headers.authorization) this.authorizations.push(request.headers.authorization);
      const exchange = new Exchange(request, response);
      const taker = this.#takers.shift();
      if (taker) taker(exchange);
      else this.#waiting.push(exchange);
    }
  }
}

/** One event as text. */
export function event(name: string, content: unknown, id?: string): string {
  return `event: ${name}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(content)}\n\n`;
}

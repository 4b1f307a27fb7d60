/** One suite for every transport, against a real server. */
import { EventSource as NodeEventSource } from "eventsource";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Failure } from "../src/errors";
import { eventSourceTransport } from "../src/transports/eventsource";
import { fetchTransport } from "../src/transports/fetch";
import type { OpenStream, Receiver, StreamRequest, Transport } from "../src/transports/transport";
import { event, Server } from "./server";

const TRANSPORTS: Record<string, Transport> = {
  fetch: fetchTransport(),
  eventsource: eventSourceTransport({ EventSource: NodeEventSource as unknown as typeof EventSource }),
};

/** What a receiver was told, in order. */
class Ear implements Receiver {
  readonly told: string[] = [];
  readonly failures: Failure[] = [];
  opened(): void {
    this.told.push("opened");
  }
  received({ event, id, data }: { event: string; id: string | undefined; data: string }): void {
    this.told.push(`${event} ${id === undefined || id === "" ? "-" : id} ${data}`);
  }
  retry(): void {
    // A browser's EventSource doesn't tell.
  }
  failed(failure: Failure): void {
    this.told.push("failed");
    this.failures.push(failure);
  }
}

/** A request by nobody known, from the beginning. */
const ANYBODY = {
  cursor: null,
  authorization: null,
  credentials: "same-origin",
  events: new Set<string>(),
} satisfies Omit<StreamRequest, "url">;

let server: Server;
const open: OpenStream[] = [];
beforeEach(async () => {
  server = await Server.start();
});
afterEach(async () => {
  for (const stream of open.splice(0)) stream.close();
  await server.stop();
});

describe.each(Object.keys(TRANSPORTS))("%s", (name) => {
  function begin(request: Partial<StreamRequest> = {}): [Ear, OpenStream] {
    const record = new Ear();
    const events = new Set(["snapshot", "patch", "mark", "bye"]);
    const stream = TRANSPORTS[name]!.open({ ...ANYBODY, url: `${server.url}/rx/7/`, events, ...request }, record);
    open.push(stream);
    return [record, stream];
  }

  test("events are passed on in their order", async () => {
    const [record] = begin();
    const exchange = await server.accept();
    expect(exchange.request.headers.accept).toBe("text/event-stream");
    exchange.stream("retry: 2000\n\n").write(event("snapshot", { n: 1 }, "e.1"));
    exchange.write(": comment\n\n" + event("patch", [], "e.2") + event("mark", { cursor: "e.2" }));
    await vi.waitFor(() => expect(record.told).toHaveLength(4));
    expect(record.told.slice(0, 3)).toEqual(["opened", 'snapshot e.1 {"n":1}', "patch e.2 []"]);
    // A browser gives the last id with every event, of which nothing may be concluded.
    expect(record.told[3]).toMatch(/^mark (-|e\.2) \{"cursor":"e\.2"\}$/);
  });

  test("an event in pieces, cut inside of a character", async () => {
    const [record] = begin();
    const exchange = (await server.accept()).stream();
    const bytes = new TextEncoder().encode(event("snapshot", "☕ 🚀 \u2028", "e.1"));
    for (const byte of bytes) {
      exchange.write(new Uint8Array([byte]));
      await new Promise(setImmediate);
    }
    await vi.waitFor(() => expect(record.told).toContain('snapshot e.1 "☕ 🚀 \u2028"'));
  });

  test("a megabyte in one event", async () => {
    const [record] = begin();
    const text = "x".repeat(1_000_000);
    (await server.accept()).stream(event("snapshot", text, "e.1"));
    await vi.waitFor(() => expect(record.told[1]).toBe(`snapshot e.1 ${JSON.stringify(text)}`), 5_000);
  });

  test("the cursor goes with the request, and stays out of it where there is none", async () => {
    begin({ cursor: "a-_b.41" });
    expect((await server.accept()).cursor).toBe("a-_b.41");
    begin();
    expect((await server.accept()).url.search).toBe("");
  });

  test("a query of the channel's own is kept", async () => {
    begin({ url: `${server.url}/rx/7/?lang=de`, cursor: "e.1", authorization: "Token abc" });
    const { url } = await server.accept();
    expect(url.searchParams.get("lang")).toBe("de");
    expect(url.searchParams.get("last_event_id")).toBe("e.1");
  });

  test("the token gets there, and never into a URL", async () => {
    begin({ authorization: "Token s3cret" });
    await server.accept();
    expect(server.authorizations).toEqual(["Token s3cret"]);
    expect(server.log.join()).not.toContain("s3cret");
  });

  test.each([401, 403, 404, 406, 429, 500, 503])("status %i is reported", async (status) => {
    server.headStatus = status;
    const [record] = begin();
    (await server.accept()).answer(status, { "Retry-After": "7" }, "{}");
    await vi.waitFor(() => expect(record.told).toEqual(["failed"]));
    expect(record.failures[0]).toMatchObject({ status, retryAfter: 7_000 });
  });

  test.each([401, 403, 404, 429, 503])("status %i with a token is reported", async (status) => {
    server.ticketStatuses.push(status);
    const [record] = begin({ authorization: "Token abc" });
    if (name === "fetch") (await server.accept()).answer(status, { "Retry-After": "7" }, "{}");
    await vi.waitFor(() => expect(record.told).toEqual(["failed"]));
    expect(record.failures[0]).toMatchObject({ status, retryAfter: 7_000 });
  });

  test("an answer that is no stream", async () => {
    const [record] = begin();
    (await server.accept()).answer(200, { "Content-Type": "text/html" }, "<p>Log in to the hotel's network");
    await vi.waitFor(() => expect(record.told).toEqual(["failed"]));
    expect(record.failures[0]).toMatchObject({ status: 200 });
  });

  test("no server at all", async () => {
    const gone = await Server.start();
    const { url } = gone;
    await gone.stop();
    for (const authorization of [null, "Token abc"]) {
      const [record] = begin({ url, authorization });
      await vi.waitFor(() => expect(record.told).toEqual(["failed"]));
      expect(record.failures[0]).toEqual({});
    }
  });

  test.each(["end", "destroy"] as const)(
    "a stream that the server closes (%s) fails once, and no other is opened",
    async (how) => {
      const [record] = begin();
      const exchange = (await server.accept()).stream("retry: 1\n\n" + event("mark", 1));
      await vi.waitFor(() => expect(record.told).toHaveLength(2));
      exchange[how]();
      await vi.waitFor(() => expect(record.told.at(-1)).toBe("failed"));
      // A second stream of the test's own would come after one that the transport opened by itself.
      const [other] = begin({ url: `${server.url}/other/` });
      expect((await server.accept()).url.pathname).toBe("/other/");
      expect(record.told.filter((told) => told === "failed")).toHaveLength(1);
      expect(other.told).toEqual([]);
    },
  );

  test("half an event before the end is no event", async () => {
    const [record] = begin();
    (await server.accept()).stream(event("mark", 1) + "event: snapshot\nid: e.1\ndata: 1\n").end();
    await vi.waitFor(() => expect(record.told.at(-1)).toBe("failed"));
    expect(record.told).toHaveLength(3);
  });

  test("closing it closes the connection", async () => {
    const [record, stream] = begin();
    const exchange = (await server.accept()).stream(event("mark", 1));
    await vi.waitFor(() => expect(record.told).toHaveLength(2));
    stream.close();
    await exchange.closed();
  });

  test("closing it while it is being opened, too", async () => {
    const [, stream] = begin();
    const exchange = await server.accept();
    stream.close();
    await exchange.closed();
  });

  test("events of the application's, even of unlucky names", async () => {
    const [record, stream] = begin();
    const exchange = (await server.accept()).stream(event("mark", 1));
    await vi.waitFor(() => expect(record.told).toHaveLength(2));
    for (const own of ["confetti", "error", "open", "message"]) stream.listen(own);
    stream.listen("confetti");
    exchange.write(event("confetti", 1) + event("error", 2) + event("open", 3) + "data: 4\n\n");
    await vi.waitFor(() => expect(record.told).toHaveLength(6));
    expect(record.told.slice(2)).toEqual(["confetti - 1", "error - 2", "open - 3", "message - 4"]);
  });
});

describe("eventsource", () => {
  test("closing it between ticket and stream opens none", async () => {
    let stream: OpenStream | undefined = undefined;
    const transport = eventSourceTransport({
      EventSource: NodeEventSource as unknown as typeof EventSource,
      async fetch(...given) {
        const response = await fetch(...given);
        stream?.close();
        return response;
      },
    });
    const request = { ...ANYBODY, url: `${server.url}/rx/7/` };
    const record = new Ear();
    stream = transport.open({ ...request, authorization: "Token a" }, record);
    await vi.waitFor(() => expect(record.told).toEqual(["failed"])); // Means nothing, but says that it is over.
    open.push(fetchTransport().open({ ...request, url: `${server.url}/b/` }, new Ear()));
    expect((await server.accept()).url.pathname).toBe("/b/");
  });

  test("an event that is asked for between ticket and stream is passed on", async () => {
    const events = new Set<string>();
    let stream: OpenStream | undefined = undefined;
    const transport = eventSourceTransport({
      EventSource: NodeEventSource as unknown as typeof EventSource,
      async fetch(...given) {
        const response = await fetch(...given);
        events.add("confetti");
        stream?.listen("confetti");
        return response;
      },
    });
    const ear = new Ear();
    stream = transport.open({ ...ANYBODY, url: `${server.url}/rx/7/`, authorization: "Token a", events }, ear);
    open.push(stream);
    (await server.accept()).stream(event("confetti", 1));
    await vi.waitFor(() => expect(ear.told).toEqual(["opened", "confetti - 1"]));
  });

  test("where it can't be found out why there is no stream, there is none", async () => {
    const transport = eventSourceTransport({
      EventSource: NodeEventSource as unknown as typeof EventSource,
      fetch: () => Promise.reject(new TypeError("no network")),
    });
    const ear = new Ear();
    open.push(transport.open({ ...ANYBODY, url: `${server.url}/rx/7/` }, ear));
    (await server.accept()).answer(404);
    await vi.waitFor(() => expect(ear.failures).toEqual([{}]));
  });

  test("each stream has a ticket of its own", async () => {
    for (const ticket of ["t1", "t2"]) {
      const stream = TRANSPORTS["eventsource"]!.open(
        { ...ANYBODY, url: `${server.url}/rx/7/`, cursor: "e.1", authorization: "Token a" },
        new Ear(),
      );
      open.push(stream);
      expect((await server.accept()).url.searchParams.get("ticket")).toBe(ticket);
    }
    expect(server.authorizations).toEqual(["Token a", "Token a"]);
  });
});

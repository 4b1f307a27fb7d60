/** Channels over real connections: what a developer holds in hand, with both transports. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { configure } from "../src/channel";
import type { ChannelSnapshot } from "../src/store";
import { PROJECT, ProjectChannel, QUICK, TRANSPORTS, type Project } from "./channel";
import { event, Server, type Exchange } from "./server";

let server: Server;
const leaves: (() => void)[] = [];
beforeEach(async () => {
  server = await Server.start();
});
afterEach(async () => {
  for (const leave of leaves.splice(0)) leave();
  await server.stop();
});

const snapshot = event("snapshot", PROJECT, "e.1");
const rename = (name: string, cursor: string): string =>
  event("patch", [{ op: "replace", path: "/name", value: name }], cursor);

/** Subscribes, and keeps every snapshot that was told. */
function read(channel: ProjectChannel): ChannelSnapshot<Project>[] {
  const seen: ChannelSnapshot<Project>[] = [];
  leaves.push(channel.subscribe(() => seen.push(channel.getSnapshot())));
  return seen;
}

const reaches = (channel: ProjectChannel, expected: Partial<ChannelSnapshot<Project>>): Promise<void> =>
  vi.waitFor(() => expect(channel.getSnapshot()).toMatchObject(expected), 5_000);

describe.each(["fetch", "eventsource"] as const)("%s", (name) => {
  const make = (token?: ConstructorParameters<typeof ProjectChannel>[1], more = {}): ProjectChannel =>
    new ProjectChannel(7, token, { baseUrl: server.url, transport: TRANSPORTS[name], ...QUICK, ...more });
  const closes = (exchange: Exchange, status: number): void => {
    server.headStatus = status;
    exchange.answer(status);
  };

  test("a snapshot, then patches: one notification each", async () => {
    const channel = make();
    expect(channel.url).toBe(`${server.url}/rx/projects/7/`);
    expect(channel.getSnapshot()).toMatchObject({ status: "loading", state: undefined, cursor: null });
    const seen = read(channel);
    const exchange = (await server.accept()).stream(snapshot);
    await reaches(channel, { status: "live" });
    expect(channel.getSnapshot().state).toEqual(PROJECT);
    expect(channel.getSnapshot().connectedSince).toBeInstanceOf(Date);
    const before = seen.length;
    const { state } = channel.getSnapshot();
    exchange.write(
      rename("Gemini", "e.2") + rename("Mercury", "e.3") + event("mark", { cursor: "e.3" }) + rename("Vostok", "e.4"),
    );
    await reaches(channel, { cursor: "e.4" });
    expect(seen.slice(before).map((one) => one.state?.name)).toEqual(["Gemini", "Mercury", "Vostok"]);
    expect(channel.getSnapshot().state?.tasks).toBe(state?.tasks);
    expect(channel.getSnapshot()).toBe(channel.getSnapshot());
  });

  test.each(["end", "destroy"] as const)("comes back with its cursor after the server's %s", async (how) => {
    const channel = make();
    read(channel);
    const first = (await server.accept()).stream(snapshot);
    await reaches(channel, { status: "live" });
    first[how]();
    await reaches(channel, { status: "stale", state: PROJECT, connectedSince: null });
    expect(channel.getSnapshot().noConnectionSince).toBeInstanceOf(Date);
    const second = await server.accept();
    expect(second.cursor).toBe("e.1");
    second.stream(rename("Gemini", "e.2"));
    await reaches(channel, { status: "live", cursor: "e.2", error: null, noConnectionSince: null });
  });

  test("a gap is never applied: it resumes from its own cursor", async () => {
    const channel = make();
    const seen = read(channel);
    (await server.accept()).stream(snapshot + rename("Skipped", "e.3"));
    const second = await server.accept();
    expect(second.cursor).toBe("e.1");
    second.stream(rename("Gemini", "e.2") + rename("Mercury", "e.3"));
    await reaches(channel, { status: "live", cursor: "e.3" });
    expect(seen.map((one) => one.state?.name)).not.toContain("Skipped");
  });

  test("a patch that doesn't fit: everything anew, without a cursor", async () => {
    const channel = make();
    read(channel);
    (await server.accept()).stream(snapshot + event("patch", [{ op: "remove", path: "/tasks/9" }], "e.2"));
    const second = await server.accept();
    expect(second.cursor).toBeNull();
    expect(channel.getSnapshot()).toMatchObject({ status: "stale", state: PROJECT, error: { code: "protocol" } });
    second.stream(snapshot);
    await reaches(channel, { status: "live", error: null });
  });

  test("a reset keeps the old state on screen until the new one is whole", async () => {
    const channel = make();
    read(channel);
    const exchange = (await server.accept()).stream(snapshot);
    await reaches(channel, { status: "live" });
    exchange.write(event("reset", { reason: "recovered" }));
    await reaches(channel, { status: "stale", state: PROJECT });
    expect(channel.getSnapshot().connectedSince).toBeInstanceOf(Date);
    exchange.write(event("snapshot", { ...PROJECT, name: "Gemini" }, "f.0"));
    await reaches(channel, { status: "live", cursor: "f.0" });
  });

  test.each(["revoked", "gone"])("%s is final", async (what) => {
    const channel = make();
    read(channel);
    (await server.accept()).stream(snapshot + event(what, { reason: "token" })).end();
    await reaches(channel, { status: "closed" });
    expect(channel.getSnapshot().error?.code).toBe(what);
    expect(channel.getSnapshot().state).toEqual(what === "gone" ? PROJECT : undefined);
    // Somebody else's connection comes through; none of this channel's own has come before it.
    leaves.push(
      new ProjectChannel(8, null, { baseUrl: server.url, transport: TRANSPORTS[name] }).subscribe(() => undefined),
    );
    expect((await server.accept()).url.pathname).toBe("/rx/projects/8/");
  });

  test.each([
    [403, "forbidden"],
    [404, "not-found"],
  ])("%i is final and says why", async (status, code) => {
    const channel = make();
    read(channel);
    closes(await server.accept(), status);
    await reaches(channel, { status: "closed" });
    expect(channel.getSnapshot().error).toMatchObject({ code, status });
    channel.reconnect();
    (await server.accept()).stream(snapshot);
    await reaches(channel, { status: "live", error: null });
  });

  test("401 with a token that is a string is final", async () => {
    server.ticketStatuses.push(401);
    const channel = make("old");
    read(channel);
    if (name === "fetch") closes(await server.accept(), 401);
    await reaches(channel, { status: "closed" });
    expect(channel.getSnapshot().error).toMatchObject({ code: "unauthenticated", status: 401 });
  });

  test("a token function is asked at each attempt, and once more after 401", async () => {
    let asked = 0;
    const channel = make(() => Promise.resolve(`token${String(++asked)}`));
    server.ticketStatuses.push(401);
    read(channel);
    if (name === "fetch") closes(await server.accept(), 401);
    const exchange = await server.accept();
    expect(server.authorizations).toEqual(["Token token1", "Token token2"]);
    exchange.stream(snapshot);
    await reaches(channel, { status: "live" });
    const uses = asked;
    exchange.destroy();
    (await server.accept()).stream(event("mark", { cursor: "e.1" }));
    await reaches(channel, { status: "live", connectedSince: expect.any(Date) as Date });
    expect(asked).toBe(uses + 1);
    expect(server.authorizations.at(-1)).toBe(`Token token${String(asked)}`);
  });

  test("a token function that throws is a failure like another", async () => {
    let fails = true;
    const channel = make(() => {
      if (fails) throw new Error("secret text");
      return "fine";
    });
    read(channel);
    await reaches(channel, { error: expect.objectContaining({ code: "unreachable" }) as never });
    expect(channel.getSnapshot().error?.message).not.toContain("secret");
    fails = false;
    (await server.accept()).stream(snapshot);
    await reaches(channel, { status: "live" });
  });

  test("bye is obeyed", async () => {
    const channel = make(null, { retryMs: 60_000 });
    read(channel);
    (await server.accept()).stream(snapshot + event("bye", { retry: 10 })).end();
    const second = await server.accept();
    expect(second.cursor).toBe("e.1");
    expect(channel.getSnapshot()).toMatchObject({ status: "stale", error: null });
  });

  test("silence is noticed", async () => {
    const channel = make(null, { markIntervalMs: 500 });
    read(channel);
    const first = (await server.accept()).stream(snapshot);
    const second = await server.accept();
    expect(second.cursor).toBe("e.1");
    await first.closed();
  });

  test("a server that is killed and comes back", async () => {
    const channel = make();
    read(channel);
    (await server.accept()).stream(snapshot);
    await reaches(channel, { status: "live" });
    const { port } = server;
    await server.stop();
    await reaches(channel, { status: "stale", error: expect.objectContaining({ code: "unreachable" }) as never });
    server = await Server.start(port);
    const again = await server.accept();
    expect(again.cursor).toBe("e.1");
    again.stream(event("mark", { cursor: "e.1" }));
    await reaches(channel, { status: "live", state: PROJECT, error: null });
  });

  test("initial: no second snapshot", async () => {
    const channel = make(null, { initial: { state: PROJECT, cursor: "e.1" } });
    expect(channel.getSnapshot()).toMatchObject({ status: "stale", state: PROJECT, cursor: "e.1" });
    read(channel);
    const exchange = await server.accept();
    expect(exchange.cursor).toBe("e.1");
    exchange.stream(event("mark", { cursor: "e.1" }));
    await reaches(channel, { status: "live" });
    expect(channel.getSnapshot().state).toBe(PROJECT);
  });

  test("the application's own events and the patches, for who wants them", async () => {
    const channel = make();
    const patches: unknown[] = [];
    const bodies: unknown[] = [];
    leaves.push(channel.onPatch((patch) => patches.push(patch)));
    const leave = channel.onMessage("confetti", (body) => bodies.push(body));
    expect(server.log).toEqual([]);
    // Another description of the same: they share the connection, and what is listened to on it.
    read(make());
    const exchange = (await server.accept()).stream(snapshot + event("confetti", [1]));
    exchange.write(rename("Gémini", "e.2") + rename("Gémini", "e.2"));
    await reaches(channel, { cursor: "e.2" });
    expect(bodies).toEqual([[1]]);
    const operations = [{ op: "replace", path: "/name", value: "Gémini" }];
    const bytes = new TextEncoder().encode(JSON.stringify(operations)).length;
    expect(patches).toEqual([{ cursor: "e.2", operations, bytes, at: expect.any(Date) as Date }]);
    leave();
    leaves.push(channel.onMessage("late", (body) => bodies.push(body)));
    exchange.write(event("confetti", [2]) + event("late", 3));
    await vi.waitFor(() => expect(bodies).toEqual([[1], 3]));
  });
});

describe("sharing", () => {
  const options = { transport: TRANSPORTS.fetch, ...QUICK };
  const make = (id = 7, token: string | null = null, more = {}): ProjectChannel =>
    new ProjectChannel(id, token, { baseUrl: server.url, ...options, ...more });

  test("two of the same share one connection", async () => {
    const [one, other] = [make(), make()];
    read(one);
    read(other);
    (await server.accept()).stream(snapshot);
    await reaches(one, { status: "live" });
    expect(other.getSnapshot()).toBe(one.getSnapshot());
    expect(server.streams).toBe(1);
  });

  test.each([
    ["URL", () => make(8)],
    ["token", () => make(7, "abc")],
    ["options", () => make(7, null, { scheme: "Bearer" })],
    ["credentials", () => make(7, null, { credentials: "include" })],
    ["class", () => new (class Other extends ProjectChannel {})(7, null, { baseUrl: server.url, ...options })],
  ])("another %s is another connection", async (_, other) => {
    read(make());
    read(other());
    await server.accept();
    await server.accept();
  });

  test("an option that is undefined is not set, and all that matters is in the key, set or not", () => {
    const none = { scheme: undefined, credentials: undefined, graceMs: undefined, retryMs: undefined };
    const channel = new ProjectChannel(7, undefined, { ...none, baseUrl: server.url, transport: "fetch" });
    expect(channel.key).toEqual({
      kind: ProjectChannel,
      url: `${server.url}/rx/projects/7/`,
      token: null,
      transport: expect.objectContaining({ open: expect.any(Function) as unknown }) as unknown,
      scheme: "Token",
      credentials: "same-origin",
      graceMs: 1_000,
      retryMs: 2_000,
      markIntervalMs: 15_000,
    });
    const started = make(7, null, { initial: { state: PROJECT, cursor: "e.1" } });
    expect(started.key).toEqual(make().key); // Who came with a state reads the same stream.
  });

  test("the last one to leave closes it, after a grace", async () => {
    const channel = make();
    const leave = channel.subscribe(() => undefined);
    const exchange = (await server.accept()).stream(snapshot);
    await reaches(channel, { status: "live" });
    leave();
    leave();
    expect(channel.getSnapshot().status).toBe("live");
    await exchange.closed();
    expect(channel.getSnapshot()).toMatchObject({ status: "stale", state: PROJECT, noConnectionSince: null });
    // Who kept the channel goes on where it stopped; who makes it anew begins anew.
    expect(make().getSnapshot().status).toBe("loading");
    read(channel);
    expect((await server.accept()).cursor).toBe("e.1");
  });

  test("to leave and come back within the grace changes nothing", async () => {
    const listener = vi.fn();
    make().subscribe(listener)();
    leaves.push(make().subscribe(listener));
    const exchange = (await server.accept()).stream(snapshot);
    await vi.waitFor(() => expect(make().getSnapshot().status).toBe("live"));
    exchange.write(rename("Gemini", "e.2"));
    await vi.waitFor(() => expect(make().getSnapshot().cursor).toBe("e.2"));
    expect(server.streams).toBe(1);
  });

  test("leaving while the token is being asked for opens nothing", async () => {
    let give: (token: string) => void = () => undefined;
    const token = vi.fn(() => new Promise<string>((resolve) => (give = resolve)));
    const channel = new ProjectChannel(7, token, { baseUrl: server.url, ...options, graceMs: 0 });
    const leave = channel.subscribe(() => undefined);
    await vi.waitFor(() => expect(token).toHaveBeenCalled());
    leave();
    await vi.waitFor(() => expect(channel.getSnapshot().noConnectionSince).toBeNull());
    give("late");
    read(make(8));
    expect((await server.accept()).url.pathname).toBe("/rx/projects/8/");
  });

  test("a listener that throws doesn't keep the others from hearing", async () => {
    const thrown: unknown[] = [];
    const uncaught = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException").on("uncaughtException", (error) => thrown.push(error));
    try {
      const channel = make();
      leaves.push(
        channel.subscribe(() => {
          throw new Error("mine");
        }),
      );
      const seen = read(channel);
      (await server.accept()).stream(snapshot);
      await reaches(channel, { status: "live" });
      expect(seen.at(-1)?.state).toEqual(PROJECT);
      await vi.waitFor(() => expect(thrown.length).toBeGreaterThan(0));
      expect(thrown[0]).toMatchObject({ message: "mine" });
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const listener of uncaught) process.on("uncaughtException", listener);
    }
  });

  test("a listener may leave, and ask to reconnect, while it is told", async () => {
    const channel = make();
    const leave = channel.subscribe(() => {
      leave();
      channel.reconnect();
    });
    read(channel);
    (await server.accept()).stream(snapshot);
    await reaches(channel, { status: "live" });
  });

  test("reconnect without a reader opens nothing, and forgets how it ended", async () => {
    const channel = make();
    const leave = channel.subscribe(() => undefined);
    (await server.accept()).answer(403);
    await reaches(channel, { status: "closed" });
    leave();
    await vi.waitFor(() => expect(make().getSnapshot().status).toBe("loading"));
    expect(channel.getSnapshot().status).toBe("closed");
    channel.reconnect();
    expect(channel.getSnapshot().status).toBe("loading");
    expect(server.streams).toBe(1);
  });

  test("configure sets what channels don't set themselves", async () => {
    configure({ baseUrl: `${server.url}/`, scheme: "Bearer", transport: "fetch" });
    try {
      const channel = new ProjectChannel(7, "abc", QUICK);
      expect(channel.url).toBe(`${server.url}/rx/projects/7/`);
      read(channel);
      expect((await server.accept()).request.headers.authorization).toBe("Bearer abc");
      expect(new ProjectChannel(7, "abc", { baseUrl: "http://b" }).url).toBe("http://b/rx/projects/7/");
    } finally {
      configure({ baseUrl: undefined, scheme: undefined, transport: undefined });
    }
  });
});

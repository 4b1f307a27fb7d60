// @vitest-environment jsdom
/** Network, visibility and sleep, as a page tells of them. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PROJECT, ProjectChannel, TRANSPORTS } from "./channel";
import { event, Server, type Exchange } from "./server";

let server: Server;
let channel: ProjectChannel;
let leave: () => void;
let exchange: Exchange;
const online = vi.spyOn(navigator, "onLine", "get");

beforeEach(async () => {
  server = await Server.start();
  // Pauses so long that only the surroundings can end them.
  channel = new ProjectChannel(7, null, {
    baseUrl: server.url,
    transport: TRANSPORTS.fetch,
    retryMs: 3_600_000,
    graceMs: 0,
  });
  leave = channel.subscribe(() => undefined);
  exchange = await server.accept();
  exchange.stream(event("snapshot", PROJECT, "e.1"));
  await vi.waitFor(() => expect(channel.getSnapshot().status).toBe("live"));
});

afterEach(async () => {
  leave();
  await exchange.closed();
  online.mockReset().mockReturnValue(true);
  await server.stop();
});

async function resumes(): Promise<void> {
  exchange = await server.accept();
  expect(exchange.cursor).toBe("e.1");
  exchange.stream(event("mark", { cursor: "e.1" }));
  await vi.waitFor(() => expect(channel.getSnapshot().status).toBe("live"));
}

function look(): void {
  document.dispatchEvent(new Event("visibilitychange"));
}

test("offline is stale at once, online comes back at once", async () => {
  online.mockReturnValue(false);
  window.dispatchEvent(new Event("offline"));
  expect(channel.getSnapshot()).toMatchObject({ status: "stale", state: PROJECT, error: { code: "unreachable" } });
  await exchange.closed();
  online.mockReturnValue(true);
  window.dispatchEvent(new Event("online"));
  await resumes();
});

test("a tab that is looked at again connects at once after a loss", async () => {
  exchange.destroy();
  await vi.waitFor(() => expect(channel.getSnapshot().status).toBe("stale"));
  look();
  await resumes();
});

test("a live connection survives being looked away from", async () => {
  look();
  exchange.write(event("mark", { cursor: "e.1" }));
  leave();
  await exchange.closed();
  expect(server.streams).toBe(1);
});

test.each([
  [
    "a page from the browser's cache",
    () => window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })),
  ],
  ["a frozen page", () => document.dispatchEvent(new Event("resume"))],
  ["a changed network", () => window.dispatchEvent(new Event("online"))],
])("%s connects anew", async (_, happen) => {
  const before = exchange;
  happen();
  await before.closed();
  await resumes();
});

test("a page that is shown for the first time doesn't", async () => {
  window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: false }));
  leave();
  await exchange.closed();
  expect(server.streams).toBe(1);
});

test("after sleep, the clock says that a mark is overdue", async () => {
  const asleep = Date.now() + 60_000;
  const clock = vi.spyOn(Date, "now").mockImplementation(() => asleep);
  look();
  clock.mockRestore();
  await resumes();
});

test("nothing is listened to when nobody reads", async () => {
  leave();
  await exchange.closed();
  window.dispatchEvent(new Event("online"));
  look();
  expect(server.streams).toBe(1);
  // The next reader's connection is the second one.
  leave = channel.subscribe(() => undefined);
  exchange = await server.accept();
  expect(server.streams).toBe(2);
});

/** Transports by name. */
import { expect, test, vi } from "vitest";
import { PROJECT, ProjectChannel } from "./channel";
import { event, Server } from "./server";

test('"fetch", which is also what is used where there is no EventSource', async () => {
  const server = await Server.start();
  for (const transport of ["fetch", undefined] as const) {
    const channel = new ProjectChannel(7, "abc", { baseUrl: server.url, transport, graceMs: 0 });
    const leave = channel.subscribe(() => undefined);
    const exchange = await server.accept();
    expect(exchange.request.headers.authorization).toBe("Token abc");
    exchange.stream(event("snapshot", PROJECT, "e.1"));
    await vi.waitFor(() => expect(channel.getSnapshot().status).toBe("live"));
    channel.onMessage("confetti", () => undefined)();
    leave();
    await exchange.closed();
  }
  await server.stop();
});

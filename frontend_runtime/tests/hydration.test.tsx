// @vitest-environment jsdom
/** A page that came from a server, taken over in the browser. */
import { act, cleanup, screen } from "@testing-library/react";
import type { ReactNode } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, expect, test, vi } from "vitest";
import { useChannelState } from "../src/index";
import { PROJECT, ProjectChannel, QUICK, TRANSPORTS } from "./channel";
import { event, Server } from "./server";

afterEach(() => {
  cleanup();
  document.body.innerHTML = "";
});

test("hydrates without a mismatch, and goes on from the cursor without a second snapshot", async () => {
  const server = await Server.start();
  const complaints = vi.spyOn(console, "error");
  const initial = { state: PROJECT, cursor: "e.1" };
  const options = { baseUrl: server.url, transport: TRANSPORTS.fetch, ...QUICK };

  function Page(): ReactNode {
    const { state, status } = useChannelState(new ProjectChannel(7, null, { ...options, initial }));
    return <p>{`${status} ${state?.name ?? "-"}`}</p>;
  }
  // Another part of the page is ahead of what the server has rendered.
  const ahead = new ProjectChannel(7, null, { ...options, initial });
  const leave = ahead.subscribe(() => undefined);
  const exchange = await server.accept();
  expect(exchange.cursor).toBe("e.1");
  exchange.stream(event("patch", [{ op: "replace", path: "/name", value: "Gemini" }], "e.2"));
  await vi.waitFor(() => expect(ahead.getSnapshot().cursor).toBe("e.2"));

  document.body.innerHTML = `<main>${renderToString(<Page />)}</main>`;
  expect(document.body.textContent).toBe("stale Apollo");
  const root = await act(() => hydrateRoot(document.querySelector("main")!, <Page />));
  expect(await screen.findByText("live Gemini")).toBeTruthy();
  expect(complaints).not.toHaveBeenCalled();
  expect(server.streams).toBe(1);
  act(() => root.unmount());
  leave();
  await server.stop();
});

/** The whole application in jsdom, between a stream that the test sends and an HTTP server that it answers for. */
import { takeRenders } from "./renders";
import { configure } from "@rxsse/react/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach } from "vitest";
import { App } from "../src/App";
import type { Project, Task } from "../src/rx/projects.interfaces";
import { begin, end } from "../src/session/session";
import { HandTransport, Http, type Asked } from "./server";

export { takeRenders };

export let stream: HandTransport;
export let http: Http;

const fetchAnywhere = globalThis.fetch;

// jsdom lays nothing out, and what has no height is out of sight: give every element one.
Object.defineProperties(HTMLElement.prototype, {
  clientHeight: { get: () => 800 },
  clientWidth: { get: () => 300 },
  offsetHeight: { get: () => 80 },
  scrollTo: { value: () => undefined },
});
// Nor has it dialogs or observers of sizes that never change.
HTMLDialogElement.prototype.showModal = function () {
  this.open = true;
};
HTMLDialogElement.prototype.close = function () {
  this.open = false;
  this.dispatchEvent(new Event("close"));
};

// Nor popovers, which the style sheet shows where there is room.
document.head.append(
  Object.assign(document.createElement("style"), {
    textContent: "[popover] { display: block !important } .column-rows { overflow: auto }",
  }),
);

beforeEach(async () => {
  stream = new HandTransport();
  http = new Http();
  const origin = await http.open();
  globalThis.fetch = (path, init) => fetchAnywhere(new URL(path as string, origin), init);
  configure({ transport: stream, graceMs: 0 });
});

afterEach(async () => {
  cleanup();
  end();
  globalThis.fetch = fetchAnywhere;
  await http.close();
});

export function open(path: string, username: string | null = "ada") {
  window.history.replaceState(null, "", path);
  if (username !== null) begin({ username, token: `token-of-${username}` });
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const user = userEvent.setup();
  render(
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>,
  );
  return user;
}

export function writes(): Asked[] {
  return http.asked.filter(({ method }) => method !== "GET");
}

export function task(id: number, fields: Partial<Task> = {}): Task {
  const title = `Task ${id}`;
  const position = id * 1000;
  const empty = { body: "", assignee: null, tags: [], due: null, done: false, comments: [] };
  return { id, project: 1, title, position, ...empty, ...fields };
}

export function project(...tasks: Task[]): Project {
  const participants = [
    { id: 1, username: "ada", role: "owner" as const },
    { id: 2, username: "katherine", role: "guest" as const },
  ];
  return { id: 1, name: "Apollo", description: "", task_count: tasks.length, participants, tasks };
}

/** A channel as `makefrontend` writes them, over a server of the tests' own. */
import { EventSource as NodeEventSource } from "eventsource";
import { StateChannel, type ChannelOptions } from "../src/channel";
import type { Token } from "../src/stream";
import { eventSourceTransport } from "../src/transports/eventsource";
import { fetchTransport } from "../src/transports/fetch";

export interface Task {
  id: number;
  title: string;
  comments: { id: string; text: string }[];
}

export interface Project {
  id: number;
  name: string;
  lead: { id: number } | null;
  tasks: Task[];
}

export class ProjectChannel extends StateChannel<
  Project,
  { Project: Project; Task: Task; Comment: Task["comments"][number]; User: { id: number } }
> {
  static override readonly instances = {
    Project: { key: "id", paths: [[]] },
    Task: { key: "id", paths: [["tasks", "*"]] },
    Comment: { key: "id", paths: [["tasks", "*", "comments", "*"]] },
    User: { key: "id", paths: [["lead"], ["nowhere", "*"], ["name", "*"]] },
  } as const;

  constructor(projectId: number, token?: Token, options?: ChannelOptions<Project>) {
    super(`/rx/projects/${encodeURIComponent(projectId)}/`, token, options);
  }
}

export const PROJECT: Project = {
  id: 7,
  name: "Apollo",
  lead: { id: 3 },
  tasks: [
    { id: 1, title: "Plan", comments: [{ id: "a", text: "Go" }] },
    { id: 2, title: "Land", comments: [] },
  ],
};

export const TRANSPORTS = {
  fetch: fetchTransport(),
  eventsource: eventSourceTransport({ EventSource: NodeEventSource as unknown as typeof EventSource }),
};

/** Pauses that a test can wait for. */
export const QUICK = { retryMs: 5, graceMs: 20 };

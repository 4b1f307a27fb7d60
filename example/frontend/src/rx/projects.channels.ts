import { StateChannel, type ChannelOptions, type Token } from "@rxsse/react/core";
import type { Comment, Participant, Person, Project, Tag, Task } from "./projects.interfaces";

/** One project with all that is in it, the same for everybody who takes part. */
export class ProjectChannel extends StateChannel<
  Project,
  { Comment: Comment; Participant: Participant; Person: Person; Project: Project; Tag: Tag; Task: Task }
> {
  static override readonly instances = {
    Comment: { key: "id", paths: [["tasks", "*", "comments", "*"]] },
    Participant: { key: "id", paths: [["participants", "*"]] },
    Person: {
      key: "id",
      paths: [
        ["tasks", "*", "assignee"],
        ["tasks", "*", "comments", "*", "author"],
      ],
    },
    Project: { key: "id", paths: [[]] },
    Tag: { key: "id", paths: [["tasks", "*", "tags", "*"]] },
    Task: { key: "id", paths: [["tasks", "*"]] },
  } as const;

  constructor(projectId: number, token?: Token, options?: ChannelOptions<Project>) {
    super(`/rx/projects/${encodeURIComponent(projectId)}/`, token, options);
  }
}

/** What the reader has to do, over all projects. */
export class OpenTasksChannel extends StateChannel<Task[], { Comment: Comment; Person: Person; Tag: Tag; Task: Task }> {
  static override readonly instances = {
    Comment: { key: "id", paths: [["*", "comments", "*"]] },
    Person: {
      key: "id",
      paths: [
        ["*", "assignee"],
        ["*", "comments", "*", "author"],
      ],
    },
    Tag: { key: "id", paths: [["*", "tags", "*"]] },
    Task: { key: "id", paths: [["*"]] },
  } as const;

  constructor(token?: Token, options?: ChannelOptions<Task[]>) {
    super("/rx/open-tasks/", token, options);
  }
}

import { useChannelInstance, useChannelState } from "@rxsse/react";
import { useQuery } from "@tanstack/react-query";
import { memo, useMemo, useState } from "react";
import { Link } from "wouter";
import { changeTask, getProjects } from "../api/board";
import { CardFacts, useChangeGlow } from "../board/TaskCard";
import { Closed, Loading, StaleNotice } from "../connection/Connection";
import { useStatus } from "../connection/useStatus";
import { OpenTasksChannel } from "../rx/projects.channels";
import type { Task } from "../rx/projects.interfaces";
import { useMe } from "../session/useSession";
import { PageHeader } from "../shell/PageHeader";
import { EmptyState } from "../ui/EmptyState";
import { useWrite } from "../ui/messages";

const NOTHING: readonly Task[] = [];

/** What the reader has to do, over all projects, as the server puts it in order. */
export function MinePage() {
  const { token } = useMe();
  const channel = useMemo(() => new OpenTasksChannel(token), [token]);
  const status = useStatus(channel);
  const loaded = useChannelState(channel, ({ state }) => state !== undefined);
  return (
    <main className="page" data-status={status}>
      <PageHeader channel={channel} title="My open tasks" />
      <StaleNotice channel={channel} />
      {status === "closed" ? (
        <Closed channel={channel} what="list" />
      ) : loaded ? (
        <MyTasks channel={channel} />
      ) : (
        <Loading channel={channel}>
          <div className="mine">
            {Array.from({ length: 4 }, (_, card) => (
              <div className="skeleton skeleton-card" key={card} />
            ))}
          </div>
        </Loading>
      )}
    </main>
  );
}

function MyTasks({ channel }: { channel: OpenTasksChannel }) {
  const keys = useChannelState(channel, ({ state }) => (state ?? NOTHING).map(({ id }) => id), sameKeys);
  if (keys.length === 0) {
    return (
      <EmptyState icon="check" title="Nothing to do">
        <p>As soon as somebody gives you a task, it appears here.</p>
      </EmptyState>
    );
  }
  return (
    <ol className="mine" aria-label="My open tasks">
      {keys.map((id) => (
        <MyTask key={id} channel={channel} id={id} />
      ))}
    </ol>
  );
}

const MyTask = memo(function MyTask(props: { channel: OpenTasksChannel; id: number }) {
  const task = useChannelInstance(props.channel, "Task", props.id);
  const projects = useQuery({ queryKey: ["projects"], queryFn: getProjects });
  const card = useChangeGlow(task);
  const [ticked, setTicked] = useState(false);
  const write = useWrite();
  if (!task) return null;
  const tick = async () => {
    setTicked(true); // The row leaves when the stream says so.
    const { ok } = await write(() => changeTask(task.id, { done: true }));
    if (!ok) setTicked(false);
  };
  return (
    <li>
      <article className="card" ref={card} data-done={ticked} aria-label={task.title}>
        <input
          type="checkbox"
          className="check"
          checked={ticked}
          aria-label={`Done: ${task.title}`}
          onChange={() => void tick()}
        />
        <div className="card-body">
          <span className="card-project">{projects.data?.find(({ id }) => id === task.project)?.name}</span>
          <Link href={`/projects/${task.project}/tasks/${task.id}/`} className="card-title">
            {task.title}
          </Link>
          <CardFacts task={task} done={ticked} />
        </div>
      </article>
    </li>
  );
});

function sameKeys(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((key, index) => key === right[index]);
}

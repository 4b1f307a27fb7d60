import { useChannelState } from "@rxsse/react";
import { useMemo } from "react";
import { Closed, Loading, StaleNotice } from "../connection/Connection";
import { useStatus } from "../connection/useStatus";
import { ProjectChannel } from "../rx/projects.channels";
import { useMe } from "../session/useSession";
import { PageHeader } from "../shell/PageHeader";
import { TaskDialog } from "../task/TaskDialog";
import { Board } from "./Board";
import { Participants } from "./Participants";
import { ProjectName } from "./ProjectName";
import { BoardSkeleton } from "./Skeleton";

/** One project, live; with one of its tasks opened where the URL names one. */
export function BoardPage({ project, task }: { project: number; task: number | null }) {
  const { token, username } = useMe();
  const channel = useMemo(() => new ProjectChannel(project, token), [project, token]);
  const status = useStatus(channel);
  const loaded = useChannelState(channel, ({ state }) => state !== undefined);
  const role = useChannelState(
    channel,
    ({ state }) => state?.participants.find((participant) => participant.username === username)?.role,
  );
  const writable = role === "owner" || role === "member";

  return (
    <main className="page" data-status={status}>
      <PageHeader
        channel={channel}
        title={<ProjectName channel={channel} project={project} editable={role === "owner"} />}
      >
        {loaded && status !== "closed" && <Participants channel={channel} project={project} owner={role === "owner"} />}
      </PageHeader>
      <StaleNotice channel={channel} />
      {status === "closed" ? (
        <Closed channel={channel} what="project" />
      ) : loaded ? (
        <>
          <Board channel={channel} project={project} writable={writable} />
          {task !== null && <TaskDialog key={task} channel={channel} project={project} id={task} writable={writable} />}
        </>
      ) : (
        <Loading channel={channel}>
          <BoardSkeleton />
        </Loading>
      )}
    </main>
  );
}

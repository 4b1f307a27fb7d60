import { useChannelState } from "@rxsse/react";
import { useQueryClient } from "@tanstack/react-query";
import { renameProject } from "../api/board";
import type { ProjectChannel } from "../rx/projects.channels";
import { EditableText } from "../ui/EditableText";
import { useWrite } from "../ui/messages";

/** The project's name, which its owners change by typing over it. */
export function ProjectName(props: { channel: ProjectChannel; project: number; editable: boolean }) {
  const name = useChannelState(props.channel, ({ state }) => state?.name);
  const write = useWrite();
  const queries = useQueryClient();
  if (name === undefined) return <>Project</>;
  if (!props.editable) return <>{name}</>;
  const rename = async (text: string) => {
    const { ok } = await write(() => renameProject(props.project, text));
    if (ok) void queries.invalidateQueries({ queryKey: ["projects"] }); // The list beside it isn't streamed.
    return ok;
  };
  return <EditableText label="Project name" value={name} onSave={rename} required className="page-name" />;
}

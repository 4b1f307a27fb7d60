import { useChannelState } from "@rxsse/react";
import { useQuery } from "@tanstack/react-query";
import { useId, useState, type SubmitEvent } from "react";
import { getPeople, invite, removeParticipant } from "../api/board";
import type { ProjectChannel } from "../rx/projects.channels";
import type { Participant } from "../rx/projects.interfaces";
import { Avatar } from "../ui/Avatar";
import { Icon } from "../ui/Icon";
import { useWrite } from "../ui/messages";

const ROLES: Record<Participant["role"], string> = { owner: "Owner", member: "Member", guest: "Guest, reads only" };
const NOBODY: readonly Participant[] = [];

/** Who takes part, as faces; behind them the list, in which owners invite and send away. */
export function Participants(props: { channel: ProjectChannel; project: number; owner: boolean }) {
  const participants = useChannelState(props.channel, ({ state }) => state?.participants ?? NOBODY);
  const people = useQuery({ queryKey: ["people"], queryFn: getPeople });
  const names = new Map(people.data?.map(({ username, name }) => [username, name]));
  const nameOf = ({ username }: Participant) => names.get(username) ?? username;
  const write = useWrite();
  const id = useId();
  return (
    <>
      <button type="button" className="faces" popoverTarget={id}>
        <span className="sr-only">Participants: {participants.length}</span>
        {participants.slice(0, 4).map((participant) => (
          <Avatar key={participant.id} name={nameOf(participant)} small />
        ))}
        {participants.length > 4 && <span className="avatar avatar-small">+{participants.length - 4}</span>}
      </button>
      <div id={id} popover="auto" className="popover participants" role="dialog" aria-label="Participants">
        <ul>
          {participants.map((participant) => (
            <li key={participant.id}>
              <Avatar name={nameOf(participant)} />
              <span className="participant-name">
                {nameOf(participant)}
                <small>{ROLES[participant.role]}</small>
              </span>
              {props.owner && participant.role !== "owner" && (
                <button
                  type="button"
                  className="icon-button"
                  aria-label={`Remove ${nameOf(participant)}`}
                  onClick={() => void write(() => removeParticipant(participant.id))}
                >
                  <Icon name="close" />
                </button>
              )}
            </li>
          ))}
        </ul>
        {props.owner && (
          <Invitation
            project={props.project}
            others={people.data?.filter(({ username }) => participants.every((one) => one.username !== username)) ?? []}
          />
        )}
      </div>
    </>
  );
}

function Invitation({
  project,
  others,
}: {
  project: number;
  others: { id: number; username: string; name: string }[];
}) {
  const [person, setPerson] = useState("");
  const [role, setRole] = useState<Participant["role"]>("member");
  const write = useWrite();
  if (others.length === 0) return null;
  const onSubmit = async (event: SubmitEvent) => {
    event.preventDefault();
    const { ok } = await write(() => invite(project, Number(person), role));
    if (ok) setPerson("");
  };
  return (
    <form className="invitation" onSubmit={onSubmit}>
      <select aria-label="Invite" value={person} onChange={(event) => setPerson(event.target.value)}>
        <option value="">Invite…</option>
        {others.map(({ id, username, name }) => (
          <option key={id} value={id}>
            {name || username}
          </option>
        ))}
      </select>
      <select aria-label="Role" value={role} onChange={(event) => setRole(event.target.value as Participant["role"])}>
        <option value="member">Member</option>
        <option value="guest">Guest</option>
        <option value="owner">Owner</option>
      </select>
      <button type="submit" className="button" disabled={person === ""}>
        Invite
      </button>
    </form>
  );
}

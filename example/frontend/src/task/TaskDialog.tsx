import { useChannelInstance, useChannelState } from "@rxsse/react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { useLocation } from "wouter";
import { changeTask, getPeople, removeTask, type TaskChange } from "../api/board";
import { useChangeGlow } from "../board/TaskCard";
import type { ProjectChannel } from "../rx/projects.channels";
import type { Participant, Task } from "../rx/projects.interfaces";
import { EditableText } from "../ui/EditableText";
import { EmptyState } from "../ui/EmptyState";
import { Icon } from "../ui/Icon";
import { useWrite } from "../ui/messages";
import { Comments } from "./Comments";
import { TagPicker } from "./TagPicker";

/** A task with all that it has, beside the board. What others change in it meanwhile appears in it. */
export function TaskDialog(props: { channel: ProjectChannel; project: number; id: number; writable: boolean }) {
  const { channel, project, id, writable } = props;
  const task = useChannelInstance(channel, "Task", id);
  const [, navigate] = useLocation();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const close = () => navigate(`/projects/${project}/`);
  return (
    <dialog
      ref={dialog}
      className="task-dialog"
      aria-label={task?.title ?? "Task"}
      onClose={close}
      onClick={(event) => event.target === dialog.current && dialog.current.close()}
    >
      <div className="task-sheet">
        <button
          type="button"
          className="icon-button task-close"
          aria-label="Close"
          onClick={() => dialog.current?.close()}
        >
          <Icon name="close" />
        </button>
        {task ? (
          <TaskFields channel={channel} task={task} writable={writable} />
        ) : (
          <EmptyState icon="trash" title="This task is gone">
            <p>Somebody has deleted it.</p>
          </EmptyState>
        )}
      </div>
    </dialog>
  );
}

function TaskFields({ channel, task, writable }: { channel: ProjectChannel; task: Task; writable: boolean }) {
  const write = useWrite();
  const change = async (fields: TaskChange) => (await write(() => changeTask(task.id, fields))).ok;
  const sheet = useChangeGlow(task);
  return (
    <article className="task-fields" ref={sheet}>
      <EditableText
        label="Title"
        className="task-title"
        value={task.title}
        onSave={(title) => change({ title })}
        required
        disabled={!writable}
      />
      <label className="task-done">
        <input
          type="checkbox"
          className="check"
          checked={task.done}
          disabled={!writable}
          onChange={(event) => void change({ done: event.target.checked })}
        />
        Done
      </label>
      <div className="task-grid">
        <Field label="Assigned to">
          <AssigneeSelect channel={channel} task={task} writable={writable} onChange={change} />
        </Field>
        <Field label="Due">
          <input
            type="date"
            value={task.due ?? ""}
            disabled={!writable}
            onChange={(event) => void change({ due: event.target.value || null })}
          />
        </Field>
      </div>
      <TagPicker task={task} writable={writable} onChange={(tag_ids) => void change({ tag_ids })} />
      <section aria-label="Notes">
        <h3>Notes</h3>
        <EditableText
          label="Notes"
          value={task.body}
          onSave={(body) => change({ body })}
          multiline
          disabled={!writable}
          placeholder={writable ? "What is there to know about it?" : "None."}
        />
      </section>
      <Comments task={task} writable={writable} />
      {writable && <DeleteButton onDelete={() => void write(() => removeTask(task.id))} />}
    </article>
  );
}

function Field({ label, children }: { label: string; children: ReactNode }) {
  return (
    <label className="field">
      <span>{label}</span>
      {children}
    </label>
  );
}

const NOBODY: readonly Participant[] = [];

function AssigneeSelect(props: {
  channel: ProjectChannel;
  task: Task;
  writable: boolean;
  onChange: (fields: TaskChange) => Promise<boolean>;
}) {
  const { task } = props;
  const participants = useChannelState(props.channel, ({ state }) => state?.participants ?? NOBODY);
  const people = useQuery({ queryKey: ["people"], queryFn: getPeople });
  const choices = (people.data ?? []).filter(({ username }) => participants.some((one) => one.username === username));
  // Whoever has it is among the choices, even if they don't take part any more, or the others are still being asked for.
  if (task.assignee && choices.every(({ id }) => id !== task.assignee?.id)) choices.push(task.assignee);
  return (
    <select
      value={task.assignee?.id ?? ""}
      disabled={!props.writable}
      onChange={(event) => void props.onChange({ assignee_id: event.target.value ? Number(event.target.value) : null })}
    >
      <option value="">Nobody</option>
      {choices.map(({ id, username, name }) => (
        <option key={id} value={id}>
          {name || username}
        </option>
      ))}
    </select>
  );
}

/** Asks once more, in its own place. */
function DeleteButton({ onDelete }: { onDelete: () => void }) {
  const [asking, setAsking] = useState(false);
  if (!asking) {
    return (
      <button type="button" className="button button-quiet" onClick={() => setAsking(true)}>
        <Icon name="trash" /> Delete task
      </button>
    );
  }
  return (
    <div className="row" role="group" aria-label="Delete this task?">
      <span>Delete it, with its comments?</span>
      <button type="button" className="button button-danger" autoFocus onClick={onDelete}>
        Delete
      </button>
      <button type="button" className="button button-quiet" onClick={() => setAsking(false)}>
        Keep
      </button>
    </div>
  );
}

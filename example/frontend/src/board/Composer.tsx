import { useState, type SubmitEvent } from "react";
import { addTask } from "../api/board";
import { Icon } from "../ui/Icon";
import { useWrite } from "../ui/messages";

/** One line at the end of the list that becomes a task. */
export function Composer({ project }: { project: number }) {
  const [title, setTitle] = useState("");
  const [busy, setBusy] = useState(false);
  const write = useWrite();
  const onSubmit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (title.trim() === "" || busy) return;
    setBusy(true);
    const { ok } = await write(() => addTask(project, title.trim()));
    setBusy(false);
    if (ok) setTitle("");
  };
  return (
    <form className="composer" onSubmit={onSubmit}>
      <input
        aria-label="New task"
        placeholder="Add a task"
        maxLength={200}
        value={title}
        readOnly={busy}
        onChange={(event) => setTitle(event.target.value)}
      />
      <button type="submit" className="icon-button" aria-label="Add task" disabled={title.trim() === "" || busy}>
        <Icon name="plus" />
      </button>
    </form>
  );
}

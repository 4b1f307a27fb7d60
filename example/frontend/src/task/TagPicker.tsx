import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { addTag, getTags } from "../api/board";
import type { Tag, Task } from "../rx/projects.interfaces";
import { TagChip } from "../ui/TagChip";
import { useWrite } from "../ui/messages";

/** Colours for new tags, one after the other. */
const COLORS = ["#8e44ad", "#16a085", "#2980b9", "#c0392b", "#e67e22", "#7f8c8d"];

/** All tags as switches; tags are shared by all projects, and whoever misses one adds it. */
export function TagPicker(props: { task: Task; writable: boolean; onChange: (keys: number[]) => void }) {
  const { task, writable, onChange } = props;
  const tags = useQuery({ queryKey: ["tags"], queryFn: getTags });
  const chosen = new Set(task.tags.map(({ id }) => id));
  if (!writable) {
    return (
      <div className="tag-row">
        {task.tags.map((tag) => (
          <TagChip key={tag.id} tag={tag} />
        ))}
      </div>
    );
  }
  return (
    <div className="tag-row" role="group" aria-label="Tags">
      {(tags.data ?? task.tags).map((tag) => (
        <button
          key={tag.id}
          type="button"
          className="tag-switch"
          aria-pressed={chosen.has(tag.id)}
          onClick={() => onChange(toggled(chosen, tag.id))}
        >
          <TagChip tag={tag} />
        </button>
      ))}
      <NewTag count={tags.data?.length ?? 0} onAdd={({ id }) => onChange([...chosen, id])} />
    </div>
  );
}

function NewTag({ count, onAdd }: { count: number; onAdd: (tag: Tag) => void }) {
  const [name, setName] = useState("");
  const queries = useQueryClient();
  const write = useWrite();
  const onSubmit = async (event: SubmitEvent) => {
    event.preventDefault();
    const slug = name.trim().toLowerCase().replace(/\s+/g, "-");
    if (slug === "") return;
    const written = await write(() => addTag(slug, COLORS[count % COLORS.length] ?? "#888888"));
    if (!written.ok) return;
    setName("");
    void queries.invalidateQueries({ queryKey: ["tags"] });
    onAdd(written.answer);
  };
  return (
    <form onSubmit={onSubmit}>
      <input
        aria-label="New tag"
        className="new-tag"
        placeholder="+ tag"
        maxLength={50}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
    </form>
  );
}

function toggled(chosen: ReadonlySet<number>, key: number): number[] {
  return chosen.has(key) ? [...chosen].filter((other) => other !== key) : [...chosen, key];
}

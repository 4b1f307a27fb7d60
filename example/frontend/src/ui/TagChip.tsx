import type { Tag } from "../rx/projects.interfaces";

/** A tag with a dot of its colour: the text keeps the page's own, whose contrast is known. */
export function TagChip({ tag }: { tag: Tag }) {
  return (
    <span className="tag" style={{ "--tag": tag.color }}>
      {tag.name}
    </span>
  );
}

import { useChannelInstance } from "@rxsse/react";
import { memo, useEffect, useRef, type KeyboardEvent } from "react";
import { Link } from "wouter";
import type { ProjectChannel } from "../rx/projects.channels";
import type { Task } from "../rx/projects.interfaces";
import { Avatar } from "../ui/Avatar";
import { day, isPast } from "../ui/dates";
import { Icon } from "../ui/Icon";
import { TagChip } from "../ui/TagChip";

export interface CardActions {
  /** The arrow key that was pressed on the card's grip. */
  readonly onArrow: (id: number, key: string) => void;
  readonly onToggle: (id: number) => void;
}

export interface CardProps {
  readonly channel: ProjectChannel;
  readonly project: number;
  readonly id: number;
  readonly done: boolean;
  readonly writable: boolean;
  readonly actions: CardActions;
}

/**
 * One task on the board. It reads its own row from the channel, so that a patch to one task renders one card: the columns know
 * keys only.
 */
export const TaskCard = memo(function TaskCard(props: CardProps) {
  const { channel, project, id, done, writable, actions } = props;
  const task = useChannelInstance(channel, "Task", id);
  const card = useChangeGlow(task);
  if (!task) return null;

  const onKeyDown = (event: KeyboardEvent) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    actions.onArrow(id, event.key);
  };
  return (
    <article className="card" ref={card} data-done={done} aria-label={task.title}>
      <input
        type="checkbox"
        className="check"
        checked={done}
        disabled={!writable}
        aria-label={`Done: ${task.title}`}
        onChange={() => actions.onToggle(id)}
      />
      <div className="card-body">
        <Link href={`/projects/${project}/tasks/${id}/`} className="card-title" draggable={false}>
          {task.title}
        </Link>
        <CardFacts task={task} done={done} />
      </div>
      {writable && (
        <button
          type="button"
          className="grip"
          data-grip={id}
          aria-label={`Move ${task.title}`}
          aria-describedby="grip-hint"
          onKeyDown={onKeyDown}
        >
          <Icon name="grip" />
        </button>
      )}
    </article>
  );
});

export function CardFacts({ task, done }: { task: Task; done: boolean }) {
  const { tags, due, comments, assignee } = task;
  if (tags.length === 0 && due === null && comments.length === 0 && assignee === null) return null;
  const late = !done && due !== null && isPast(due);
  return (
    <div className="card-facts">
      {tags.map((tag) => (
        <TagChip key={tag.id} tag={tag} />
      ))}
      {due !== null && (
        <time className="fact" dateTime={due} data-late={late}>
          {late && "Overdue: "}
          {day(due)}
        </time>
      )}
      {comments.length > 0 && (
        <span className="fact">
          <Icon name="comment" />
          <span aria-hidden="true">{comments.length}</span>
          <span className="sr-only">{comments.length === 1 ? "1 comment" : `${comments.length} comments`}</span>
        </span>
      )}
      {assignee && <Avatar name={assignee.name || assignee.username} small />}
    </div>
  );
}

/** Lets an element glow for a moment when `row` becomes another one, without rendering it again. */
export function useChangeGlow(row: unknown) {
  const element = useRef<HTMLElement>(null);
  const shown = useRef(row);
  useEffect(() => {
    if (shown.current === row) return;
    shown.current = row;
    // The colour comes from the style sheet, which knows the theme and leaves it out where less motion is wished for.
    const { current } = element;
    if (!current) return;
    current.classList.remove("glow");
    current.getBoundingClientRect(); // makes the browser notice, so that the animation begins anew
    current.classList.add("glow");
  }, [row]);
  return element;
}

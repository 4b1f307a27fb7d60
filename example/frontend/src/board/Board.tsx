import { useChannelState } from "@rxsse/react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { ProjectChannel } from "../rx/projects.channels";
import { announce } from "../ui/messages";
import { Column } from "./Column";
import { Composer } from "./Composer";
import { arrange, moveTo, type ColumnName, type Columns, type Placed } from "./order";
import type { CardActions } from "./TaskCard";
import type { Drop } from "./useDragging";
import { useMoves } from "./useMoves";

const TITLES: Record<ColumnName, string> = { todo: "To do", done: "Done" };
const NOTHING: readonly Placed[] = [];

/** The two columns of a project. It renders when the order changes, and not when a task's content does. */
export function Board(props: { channel: ProjectChannel; project: number; writable: boolean }) {
  const { channel, project, writable } = props;
  const tasks = useChannelState(channel, ({ state }) => state?.tasks ?? NOTHING, samePlaces);
  const { moves, move } = useMoves(channel);
  const columns = useMemo(() => arrange(tasks, moves), [tasks, moves]);
  const [focus, setFocus] = useState<number | null>(null);
  const onFocused = useCallback(() => setFocus(null), []);

  const latest = useRef(columns);
  useEffect(() => {
    latest.current = columns;
  });
  /** Bring a card to a place, and say where it has come. */
  const bring = useCallback(
    (id: number, column: ColumnName, index: number) => {
      const next = moveTo(latest.current, id, column, index);
      if (next === null) return;
      move(next);
      const title = channel.getSnapshot().state?.tasks.find((task) => task.id === id)?.title ?? "Task";
      const place = arrange(channel.getSnapshot().state?.tasks ?? NOTHING, [next])[column].indexOf(id) + 1;
      announce(`${title}: place ${place} in ${TITLES[column]}.`);
    },
    [channel, move],
  );
  const actions = useMemo<CardActions>(
    () => ({
      onToggle: (id) => {
        const { done, todo } = latest.current;
        if (done.includes(id)) bring(id, "todo", todo.length);
        else bring(id, "done", 0);
      },
      onArrow: (id, key) => {
        const from = columnOf(latest.current, id);
        const index = latest.current[from].indexOf(id);
        setFocus(id);
        if (key === "ArrowUp") bring(id, from, index - 1);
        else if (key === "ArrowDown") bring(id, from, index + 1);
        else bring(id, key === "ArrowLeft" ? "todo" : "done", key === "ArrowLeft" ? Infinity : 0);
      },
    }),
    [bring],
  );
  const dropIn =
    (column: ColumnName) =>
    ({ card, row, behind }: Drop) => {
      const others = columns[column].filter((key) => key !== card);
      if (row === card) return;
      bring(card, column, row === null ? others.length : others.indexOf(row) + (behind ? 1 : 0));
    };

  const shared = { channel, project, writable, actions, focus, onFocused };
  return (
    <div className="board">
      <p id="grip-hint" hidden>
        Press the arrow keys: up and down change its place, left and right its column.
      </p>
      <Column
        {...shared}
        title={TITLES.todo}
        keys={columns.todo}
        done={false}
        onDrop={dropIn("todo")}
        empty={<TodoEmpty any={columns.done.length > 0} writable={writable} />}
        footer={writable && <Composer project={project} />}
      />
      <Column
        {...shared}
        title={TITLES.done}
        keys={columns.done}
        done
        onDrop={dropIn("done")}
        empty={<p className="column-empty">What gets ticked off lands here.</p>}
      />
    </div>
  );
}

function TodoEmpty({ any, writable }: { any: boolean; writable: boolean }) {
  if (any) return <p className="column-empty">All done. Enjoy it while it lasts.</p>;
  return (
    <p className="column-empty">{writable ? "Nothing here yet. Write the first task below." : "Nothing here yet."}</p>
  );
}

function columnOf(columns: Columns, id: number): ColumnName {
  return columns.done.includes(id) ? "done" : "todo";
}

function samePlaces(left: readonly Placed[], right: readonly Placed[]): boolean {
  if (left === right) return true;
  return (
    left.length === right.length &&
    left.every(
      (task, index) => task === right[index] || (task.id === right[index]?.id && task.done === right[index].done),
    )
  );
}

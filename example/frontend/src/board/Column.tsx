import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import type { ProjectChannel } from "../rx/projects.channels";
import { TaskCard, type CardActions, type CardProps } from "./TaskCard";
import { useDraggableRow, useDropColumn, type Drop } from "./useDragging";

/** Pixels of a card before it has been measured: one with a line of title and one of facts, and the space below it. */
const ESTIMATE = 84;

/** Tasks in their order, of which only those in sight have elements: a column may be 10,000 long. */
export function Column(props: {
  title: string;
  keys: readonly number[];
  done: boolean;
  channel: ProjectChannel;
  project: number;
  writable: boolean;
  actions: CardActions;
  onDrop: (drop: Drop) => void;
  /** The card whose grip gets the focus as soon as it is here. */
  focus: number | null;
  onFocused: () => void;
  empty: ReactNode;
  footer?: ReactNode;
}) {
  const { title, keys, writable, focus, onFocused } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const over = useDropColumn(scroller, writable, props.onDrop);
  const rows = useVirtualizer({
    count: keys.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ESTIMATE,
    getItemKey: (index) => keys[index] ?? index,
    overscan: 8,
  });
  const settling = useSettling(keys);
  const focused = focus === null ? -1 : keys.indexOf(focus);
  useEffect(() => {
    if (focused < 0) return;
    rows.scrollToIndex(focused);
    const frame = requestAnimationFrame(() => {
      scroller.current?.querySelector<HTMLElement>(`[data-grip="${keys[focused]}"]`)?.focus();
      onFocused();
    });
    return () => cancelAnimationFrame(frame);
  }, [focused, keys, rows, onFocused]);

  return (
    <section className="column" data-over={over} aria-label={title}>
      <h2 className="column-title">
        {title} <span className="count">{keys.length.toLocaleString()}</span>
      </h2>
      <div className="column-rows" ref={scroller} data-settling={settling} tabIndex={-1}>
        {keys.length === 0 && props.empty}
        <ol style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map(({ index, key, start }) => (
            <Row
              key={key}
              id={key as number}
              index={index}
              size={keys.length}
              start={start}
              measure={rows.measureElement}
              channel={props.channel}
              project={props.project}
              done={props.done}
              writable={writable}
              actions={props.actions}
            />
          ))}
        </ol>
      </div>
      {props.footer}
    </section>
  );
}

/** Milliseconds that cards glide when their order has changed; at other times, scrolling above all, they don't. */
const GLIDE = 250;

function useSettling(keys: readonly number[]): boolean {
  const [settled, setSettled] = useState(keys);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(keys), GLIDE);
    return () => clearTimeout(timer);
  }, [keys]);
  return settled !== keys;
}

/** The place of a card. Its props are few and stable: while a column scrolls, rows that stay in sight don't render. */
const Row = memo(function Row(
  props: CardProps & { index: number; size: number; start: number; measure: (element: HTMLElement | null) => void },
) {
  const { index, size, start, measure, ...card } = props;
  const row = useRef<HTMLLIElement>(null);
  const { edge, dragged } = useDraggableRow(row, card.id, card.writable);
  useLayoutEffect(() => measure(row.current), [measure, index]);
  return (
    <li
      ref={row}
      data-index={index}
      data-edge={edge}
      data-dragged={dragged}
      aria-setsize={size}
      aria-posinset={index + 1}
      style={{ transform: `translateY(${start}px)` }}
    >
      <TaskCard {...card} />
    </li>
  );
});

/** Drag and drop of cards by pointer, as effects on elements; knows keys and columns, not tasks. */
import { autoScrollForElements } from "@atlaskit/pragmatic-drag-and-drop-auto-scroll/element";
import { attachClosestEdge, extractClosestEdge } from "@atlaskit/pragmatic-drag-and-drop-hitbox/closest-edge";
import type { Edge } from "@atlaskit/pragmatic-drag-and-drop-hitbox/types";
import { combine } from "@atlaskit/pragmatic-drag-and-drop/combine";
import { draggable, dropTargetForElements } from "@atlaskit/pragmatic-drag-and-drop/element/adapter";
import { useEffect, useRef, useState, type RefObject } from "react";

const isCard = ({ source }: { source: { data: Record<string, unknown> } }): boolean =>
  typeof source.data.card === "number";

/** Makes a row draggable and a place to drop at: before it or behind it, which `edge` says while something hovers. */
export function useDraggableRow(row: RefObject<HTMLElement | null>, id: number, enabled: boolean) {
  const [edge, setEdge] = useState<Edge | null>(null);
  const [dragged, setDragged] = useState(false);
  useEffect(() => {
    const element = row.current;
    if (!element || !enabled) return;
    return combine(
      draggable({
        element,
        getInitialData: () => ({ card: id }),
        onDragStart: () => setDragged(true),
        onDrop: () => setDragged(false),
      }),
      dropTargetForElements({
        element,
        canDrop: isCard,
        getData: ({ input }) => attachClosestEdge({ row: id }, { element, input, allowedEdges: ["top", "bottom"] }),
        onDrag: ({ self, source }) => setEdge(source.data.card === id ? null : extractClosestEdge(self.data)),
        onDragLeave: () => setEdge(null),
        onDrop: () => setEdge(null),
      }),
    );
  }, [row, id, enabled]);
  return { edge, dragged };
}

export interface Drop {
  readonly card: number;
  /** The row that it was dropped on, and on which side of its middle; null: on the column. */
  readonly row: number | null;
  readonly behind: boolean;
}

/** Makes a column a place to drop at, which scrolls when something is held to its edges. */
export function useDropColumn(column: RefObject<HTMLElement | null>, enabled: boolean, onDrop: (drop: Drop) => void) {
  const [over, setOver] = useState(false);
  const latest = useRef(onDrop);
  useEffect(() => {
    latest.current = onDrop;
  });
  useEffect(() => {
    const element = column.current;
    if (!element || !enabled) return;
    return combine(
      autoScrollForElements({ element, canScroll: isCard }),
      dropTargetForElements({
        element,
        canDrop: isCard,
        onDragEnter: () => setOver(true),
        onDragLeave: () => setOver(false),
        onDrop: ({ source, location }) => {
          setOver(false);
          const target = location.current.dropTargets.find(({ data }) => typeof data.row === "number");
          latest.current({
            card: source.data.card as number,
            row: (target?.data.row as number | undefined) ?? null,
            behind: target !== undefined && extractClosestEdge(target.data) === "bottom",
          });
        },
      }),
    );
  }, [column, enabled]);
  return over;
}

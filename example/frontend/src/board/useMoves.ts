import { useCallback, useRef, useState } from "react";
import { moveTask, type Move } from "../api/board";
import type { ProjectChannel } from "../rx/projects.channels";
import { useWrite } from "../ui/messages";
import { shows } from "./order";

/** Milliseconds to wait for the stream after the server's answer: somebody else may have moved the task on meanwhile. */
const PATIENCE = 2000;

/** Moves on their way: each is shown at once, sent after the one before, and dropped when the stream has brought it. */
export function useMoves(channel: ProjectChannel): { moves: readonly Move[]; move: (move: Move) => void } {
  const [moves, setMoves] = useState<readonly Move[]>([]);
  const last = useRef<Promise<unknown>>(Promise.resolve());
  const write = useWrite();

  const move = useCallback(
    (next: Move) => {
      setMoves((moves) => [...moves, next]);
      last.current = last.current
        .then(() => write(() => moveTask(next)))
        .then((answer) => (answer.ok ? brought(channel, next) : undefined))
        .then(() => setMoves((moves) => moves.filter((move) => move !== next)));
    },
    [channel, write],
  );
  return { moves, move };
}

/** Resolves when the state shows the move, or won't. */
function brought(channel: ProjectChannel, move: Move): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      const tasks = channel.getSnapshot().state?.tasks;
      if (!tasks || shows(tasks, move)) finish();
    };
    const finish = () => {
      clearTimeout(late);
      unsubscribe();
      resolve();
    };
    const unsubscribe = channel.subscribe(look);
    const late = setTimeout(finish, PATIENCE);
    look();
  });
}

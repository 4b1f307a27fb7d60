/**
 * One project, every task a row that is really there, with all that is rendered counted; for tests.
 *
 * Parameters: `project`, `transport`, `mark` and `grace` (milliseconds), `strict`. The token is in `sessionStorage`.
 */
import { useChannelInstance, useChannelState } from "@rxsse/react";
import { memo, Profiler, StrictMode, useEffect, useState, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { ProjectChannel } from "../../../example/frontend/src/rx/projects.channels";

const parameters = new URLSearchParams(location.search);
const token = sessionStorage.getItem("token");
const options = {
  transport: parameters.get("transport") === "fetch" ? "fetch" : "eventsource",
  markIntervalMs: Number(parameters.get("mark") ?? 15_000),
  graceMs: Number(parameters.get("grace") ?? 200),
} as const;
const makeChannel = () => new ProjectChannel(Number(parameters.get("project")), token, options);

declare global {
  interface Window {
    /** How often each part of the page was rendered, by its name. */
    rendered: Record<string, number>;
    /** How often the page was mounted: twice by StrictMode. */
    mounted: number;
    /** What the channel shows, as JSON. */
    shown(): string;
  }
}

window.rendered = {};
window.mounted = 0;
window.shown = () => JSON.stringify(makeChannel().getSnapshot());

function Counted({ name, children }: { name: string; children: ReactNode }) {
  const onRender = () => {
    window.rendered[name] = (window.rendered[name] ?? 0) + 1;
  };
  return (
    <Profiler id={name} onRender={onRender}>
      {children}
    </Profiler>
  );
}

const Row = memo(function Row({ id }: { id: number }) {
  return (
    <Counted name={`row ${id}`}>
      <Title id={id} />
    </Counted>
  );
});

function Title({ id }: { id: number }) {
  const task = useChannelInstance(makeChannel(), "Task", id);
  return (
    <p data-done={task?.done} id={`task-${id}`}>
      {task?.title}
    </p>
  );
}

const Rows = memo(function Rows() {
  const keys = useChannelState(makeChannel(), ({ state }) => state?.tasks.map(({ id }) => id) ?? [], sameKeys);
  return (
    <div id="rows">
      {keys.map((id) => (
        <Row key={id} id={id} />
      ))}
    </div>
  );
});

function Status() {
  const { status, error, state } = useChannelState(makeChannel());
  return (
    <p role="status">
      {status} {error?.code} {state?.name}
    </p>
  );
}

function Page() {
  const [open, setOpen] = useState(true);
  useEffect(() => {
    window.mounted += 1;
  }, []);
  return (
    <>
      <button type="button" onClick={() => setOpen(!open)}>
        {open ? "Leave" : "Come back"}
      </button>
      {open && (
        <>
          <Counted name="status">
            <Status />
          </Counted>
          <Counted name="rows">
            <Rows />
          </Counted>
        </>
      )}
    </>
  );
}

function sameKeys(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((key, index) => key === right[index]);
}

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element with the id “root”.");
createRoot(root).render(
  parameters.has("strict") ? (
    <StrictMode>
      <Page />
    </StrictMode>
  ) : (
    <Page />
  ),
);

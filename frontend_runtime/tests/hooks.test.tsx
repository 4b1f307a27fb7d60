// @vitest-environment jsdom
/** The hooks in a document, over real connections. */
import { act, cleanup, render, screen } from "@testing-library/react";
import { Component, Profiler, StrictMode, Suspense, useState, type ReactNode } from "react";
import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { useChannelInstance, useChannelState, useChannelStateSuspense } from "../src/index";
import type { ChannelSnapshot } from "../src/store";
import { PROJECT, ProjectChannel, QUICK, TRANSPORTS, type Project, type Task } from "./channel";
import { event, Server, type Exchange } from "./server";

let server: Server;
beforeEach(async () => {
  server = await Server.start();
});
afterEach(async () => {
  cleanup();
  await server.stop();
});

const make = (id = 7, token: ConstructorParameters<typeof ProjectChannel>[1] = null, more = {}): ProjectChannel =>
  new ProjectChannel(id, token, { baseUrl: server.url, transport: TRANSPORTS.fetch, ...QUICK, ...more });
const snapshot = event("snapshot", PROJECT, "e.1");
const patch = (cursor: string, ...operations: object[]): string => event("patch", operations, cursor);
const shows = (text: string): Promise<unknown> => screen.findByText(text, undefined, { timeout: 5_000 });

/** The stream that was asked for, once it has begun. */
async function serve(text: string): Promise<Exchange> {
  const exchange = await server.accept();
  return exchange.stream(text);
}

function Name({ channel }: { channel: ProjectChannel | null }): ReactNode {
  const { state, status } = useChannelState(channel);
  return <p>{`${status}: ${state?.name ?? "nothing"}`}</p>;
}

describe("useChannelState", () => {
  test("null is idle, a channel is loading, live, and idle again", async () => {
    const channel = make();
    const { rerender } = render(<Name channel={null} />);
    expect(screen.getByText("idle: nothing")).toBeTruthy();
    expect(server.log).toEqual([]);
    rerender(<Name channel={channel} />);
    expect(screen.getByText("loading: nothing")).toBeTruthy();
    const exchange = await serve(snapshot);
    await shows("live: Apollo");
    exchange.write(patch("e.2", { op: "replace", path: "/name", value: "Gemini" }));
    await shows("live: Gemini");
    rerender(<Name channel={null} />);
    expect(screen.getByText("idle: nothing")).toBeTruthy();
    await exchange.closed();
  });

  test("under StrictMode, and made in every render, it opens one connection", async () => {
    function Page(): ReactNode {
      const [count, setCount] = useState(0);
      return (
        <button onClick={() => setCount(count + 1)}>
          {count}
          <Name channel={make(7, "abc", { scheme: "Bearer" })} />
          <Name channel={make(7, "abc", { scheme: "Bearer" })} />
        </button>
      );
    }
    render(
      <StrictMode>
        <Page />
      </StrictMode>,
    );
    const exchange = await serve(snapshot);
    await vi.waitFor(() => expect(screen.getAllByText("live: Apollo")).toHaveLength(2));
    for (let click = 0; click < 5; click++) act(() => screen.getByRole("button").click());
    exchange.write(patch("e.2", { op: "replace", path: "/name", value: "Gemini" }));
    await vi.waitFor(() => expect(screen.getAllByText("live: Gemini")).toHaveLength(2));
    expect(server.streams).toBe(1);
  });

  test("a token function made in every render is one connection, and the newest is asked", async () => {
    function Page({ token }: { token: string }): ReactNode {
      return <Name channel={make(7, () => token)} />;
    }
    const { rerender } = render(<Page token="one" />);
    const exchange = await serve(snapshot);
    await shows("live: Apollo");
    rerender(<Page token="two" />);
    expect(server.streams).toBe(1);
    exchange.destroy();
    await server.accept();
    expect(server.authorizations).toEqual(["Token one", "Token two"]);
  });

  test("another channel in its place shows nothing of the one before", async () => {
    const { rerender } = render(<Name channel={make(7)} />);
    const exchange = await serve(snapshot);
    await shows("live: Apollo");
    rerender(<Name channel={make(8)} />);
    expect(screen.getByText("loading: nothing")).toBeTruthy();
    await serve(event("snapshot", { ...PROJECT, name: "Vostok" }, "f.1"));
    await shows("live: Vostok");
    await exchange.closed();
  });

  test("one revision is one commit, whoever looks at it", async () => {
    const commits: string[] = [];
    const channel = make();
    render(
      <Profiler id="all" onRender={(_, phase) => commits.push(phase)}>
        <Name channel={channel} />
        <Name channel={channel} />
      </Profiler>,
    );
    const exchange = await serve(snapshot);
    await vi.waitFor(() => expect(screen.getAllByText("live: Apollo")).toHaveLength(2));
    commits.length = 0;
    exchange.write(patch("e.2", { op: "replace", path: "/name", value: "Gemini" }, { op: "remove", path: "/tasks/0" }));
    await vi.waitFor(() => expect(screen.getAllByText("live: Gemini")).toHaveLength(2));
    expect(commits).toEqual(["update"]);
  });

  test("an empty list and one that is not loaded differ", async () => {
    function List(): ReactNode {
      const tasks = useChannelState(make(), ({ state }) => state?.tasks);
      return <p>{tasks === undefined ? "not loaded" : tasks.length === 0 ? "empty" : "some"}</p>;
    }
    render(<List />);
    expect(screen.getByText("not loaded")).toBeTruthy();
    await serve(event("snapshot", { ...PROJECT, tasks: [] }, "e.1"));
    await shows("empty");
  });
});

describe("a selector", () => {
  test("renders again only when what it selects changes", async () => {
    const channel = make();
    const renders = { title: 0, ids: 0, all: 0 };
    function Title(): ReactNode {
      renders.title++;
      return <p>{useChannelState(channel, ({ state }) => state?.tasks[1]?.title)}</p>;
    }
    function Ids(): ReactNode {
      renders.ids++;
      // A new array each time, and a new function, too.
      const ids = useChannelState(
        channel,
        ({ state }) => state?.tasks.map(({ id }) => id) ?? [],
        (one, other) => one.join() === other.join(),
      );
      return <p>{`ids ${ids.join()}`}</p>;
    }
    function All(): ReactNode {
      renders.all++;
      return <p>{useChannelState(channel).cursor}</p>;
    }
    render(
      <>
        <Title />
        <Ids />
        <All />
      </>,
    );
    const exchange = await serve(snapshot);
    await shows("Land");
    await shows("ids 1,2");
    const before = { ...renders };
    exchange.write(patch("e.2", { op: "replace", path: "/name", value: "Gemini" }));
    exchange.write(patch("e.3", { op: "replace", path: "/tasks/0/title", value: "Dream" }));
    await shows("e.3");
    expect(renders).toMatchObject({ title: before.title, ids: before.ids });
    expect(renders.all).toBeGreaterThan(before.all);
    exchange.write(patch("e.4", { op: "replace", path: "/tasks/1/title", value: "Walk" }));
    await shows("Walk");
    expect(renders).toMatchObject({ title: before.title + 1, ids: before.ids });
  });

  test("keeps what it selected, as long as it is equal, when it is made anew", async () => {
    const channel = make();
    const seen: number[][] = [];
    function Ids({ factor }: { factor: number }): ReactNode {
      const ids = useChannelState(
        channel,
        ({ state }) => state?.tasks.map(({ id }) => id * factor) ?? [],
        (one, other) => one.join() === other.join(),
      );
      seen.push(ids);
      return <p>{`ids ${ids.join()}`}</p>;
    }
    const { rerender } = render(<Ids factor={1} />);
    await serve(snapshot);
    await shows("ids 1,2");
    const last = seen.at(-1);
    rerender(<Ids factor={1} />);
    expect(seen.at(-1)).toBe(last);
    rerender(<Ids factor={2} />);
    expect(screen.getByText("ids 2,4")).toBeTruthy();
  });

  test("may look at anything in the snapshot", async () => {
    const channel = make();
    function Status(): ReactNode {
      return <p>{useChannelState(channel, ({ status }) => status)}</p>;
    }
    render(<Status />);
    const exchange = await serve(snapshot);
    await shows("live");
    exchange.write(event("reset", {}));
    await shows("stale");
  });
});

describe("useChannelInstance", () => {
  test("finds rows of each type, at any depth, and follows them", async () => {
    const channel = make();
    const renders = { task: 0 };
    function TaskRow({ id }: { id: number | null }): ReactNode {
      renders.task++;
      const task = useChannelInstance(channel, "Task", id);
      expectTypeOf(task).toEqualTypeOf<Task | undefined>();
      return <p>{`task ${task?.title ?? "none"}`}</p>;
    }
    function Others(): ReactNode {
      const comment = useChannelInstance(channel, "Comment", "a");
      const project = useChannelInstance(channel, "Project", 7);
      const lead = useChannelInstance(channel, "User", 3);
      return <p>{`${comment?.text ?? "-"} ${project?.name ?? "-"} ${String(lead?.id ?? "-")}`}</p>;
    }
    const { rerender } = render(
      <>
        <TaskRow id={2} />
        <Others />
      </>,
    );
    expect(screen.getByText("task none")).toBeTruthy();
    const exchange = await serve(snapshot);
    await shows("task Land");
    await shows("Go Apollo 3");
    const { task } = renders;
    exchange.write(patch("e.2", { op: "replace", path: "/tasks/0/comments/0/text", value: "Stop" }));
    await shows("Stop Apollo 3");
    expect(renders.task).toBe(task);
    exchange.write(
      patch("e.3", { op: "move", from: "/tasks/1", path: "/tasks/0" }, { op: "replace", path: "/lead", value: null }),
    );
    await shows("Stop Apollo -");
    expect(renders.task).toBe(task);
    exchange.write(patch("e.4", { op: "remove", path: "/tasks/0" }));
    await shows("task none");
    rerender(<TaskRow id={null} />);
    expect(screen.getByText("task none")).toBeTruthy();
  });

  test("of ten thousand rows the one that changed renders again", async () => {
    const channel = make();
    const count = 10_000;
    const tasks = Array.from({ length: count }, (_, id) => ({ id, title: "Wait", comments: [] }));
    const rendered: number[] = [];
    const text = event("snapshot", { ...PROJECT, tasks }, "e.1");
    function Row({ id }: { id: number }): ReactNode {
      rendered.push(id);
      return useChannelInstance(channel, "Task", id)?.title;
    }
    function Length(): ReactNode {
      return <p>{useChannelState(channel, ({ state }) => state?.tasks.length)}</p>;
    }
    render(
      <>
        <Length />
        {tasks.slice(0, 200).map(({ id }) => (
          <Row key={id} id={id} />
        ))}
      </>,
    );
    const exchange = await serve(text);
    await shows(String(count));
    rendered.length = 0;
    exchange.write(patch("e.2", { op: "replace", path: "/tasks/100/title", value: "Go" }));
    await vi.waitFor(() => expect(rendered).toEqual([100]));
  });

  test("a type that the channel hasn't is an error that names it", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const channel = make(7, null, { initial: { state: PROJECT, cursor: "e.1" } });
    function Row(): ReactNode {
      return useChannelInstance(channel, "Tag" as "Task", 1)?.title;
    }
    expect(() => render(<Row />)).toThrow('There are no rows of type "Tag".');
    vi.mocked(console.error).mockRestore();
    await Promise.resolve();
  });
});

describe("useChannelStateSuspense", () => {
  class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
    override state = { error: null as Error | null };
    static getDerivedStateFromError(error: Error): { error: Error } {
      return { error };
    }
    override render(): ReactNode {
      return this.state.error ? <p>{`error: ${this.state.error.message}`}</p> : this.props.children;
    }
  }

  function Loaded({ channel }: { channel: ProjectChannel }): ReactNode {
    const { state } = useChannelStateSuspense(channel);
    expectTypeOf(state).toEqualTypeOf<Project>();
    return <p>{state.name}</p>;
  }

  function Page({ fresh = false }: { fresh?: boolean }): ReactNode {
    const [channel] = useState(() => make());
    return (
      <Boundary>
        <Suspense fallback={<p>fallback</p>}>
          <Loaded channel={fresh ? make() : channel} />
        </Suspense>
      </Boundary>
    );
  }

  test.each([false, true])("waits for the state, over one connection (made in the render: %s)", async (fresh) => {
    render(
      <StrictMode>
        <Page fresh={fresh} />
      </StrictMode>,
    );
    expect(screen.getByText("fallback")).toBeTruthy();
    const exchange = await server.accept();
    await act(async () => {
      exchange.stream(snapshot);
      await vi.waitFor(() => expect(make().getSnapshot().status).toBe("live"));
    });
    await shows("Apollo");
    exchange.write(patch("e.2", { op: "replace", path: "/name", value: "Gemini" }));
    await shows("Gemini");
    expect(server.streams).toBe(1);
  });

  test("throws the error where there won't be one", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    render(<Page />);
    const exchange = await server.accept();
    await act(async () => {
      exchange.answer(403);
      await vi.waitFor(() => expect(make().getSnapshot().status).toBe("closed"));
    });
    await screen.findByText(/error: The server answered with 403/);
    vi.mocked(console.error).mockRestore();
  });
});

test("types: what a snapshot and a selection are", () => {
  expectTypeOf(useChannelState<Project>).returns.toEqualTypeOf<ChannelSnapshot<Project>>();
  expectTypeOf<ReturnType<typeof useChannelInstance<ProjectChannel, "Comment">>>().toEqualTypeOf<
    Task["comments"][number] | undefined
  >();
});

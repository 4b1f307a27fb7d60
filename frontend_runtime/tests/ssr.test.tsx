/** Rendering on a server; no document here. */
import { Suspense, type ReactNode } from "react";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { useChannelInstance, useChannelState, useChannelStateSuspense } from "../src/index";
import { PROJECT, ProjectChannel } from "./channel";

const initial = { state: PROJECT, cursor: "e.1" };

function Name({ channel }: { channel: ProjectChannel | null }): ReactNode {
  const { state, status } = useChannelState(channel);
  const task = useChannelInstance(channel, "Task", 1);
  return `${status} ${state?.name ?? "-"} ${task?.title ?? "-"}`;
}

function Loaded({ channel }: { channel: ProjectChannel }): ReactNode {
  return useChannelStateSuspense(channel).state.name;
}

test("a server renders the initial state, and nobody else's", () => {
  expect(renderToString(<Name channel={new ProjectChannel(7, null, { initial })} />)).toBe("stale Apollo Plan");
  expect(renderToString(<Name channel={new ProjectChannel(7)} />)).toBe("loading - -");
  expect(renderToString(<Name channel={null} />)).toBe("idle - -");
});

test("with Suspense: the initial state, or the fallback and no connection", () => {
  const page = (channel: ProjectChannel): string =>
    renderToString(
      <Suspense fallback="fallback">
        <Loaded channel={channel} />
      </Suspense>,
    );
  expect(page(new ProjectChannel(7, null, { initial }))).toContain("Apollo");
  expect(page(new ProjectChannel(7))).toContain("fallback");
});

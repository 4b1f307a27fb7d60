import type { AppliedPatch } from "@rxsse/react";
import { useEffect, useState } from "react";
import type { AnyChannel } from "../connection/useStatus";

/** How many are kept to look at. */
const KEPT = 50;

export interface Patches {
  /** The latest ones, the newest first. */
  readonly latest: readonly AppliedPatch[];
  readonly count: number;
  readonly bytes: number;
}

const NONE: Patches = { latest: [], count: 0, bytes: 0 };

/** The patches that a channel has applied since this component looks at it. */
export function usePatches(channel: AnyChannel): Patches {
  const [seen, setSeen] = useState({ channel, patches: NONE });
  useEffect(
    () =>
      channel.onPatch((patch) =>
        setSeen((seen) => ({ channel, patches: add(seen.channel === channel ? seen.patches : NONE, patch) })),
      ),
    [channel],
  );
  return seen.channel === channel ? seen.patches : NONE;
}

function add({ latest, count, bytes }: Patches, patch: AppliedPatch): Patches {
  return { latest: [patch, ...latest].slice(0, KEPT), count: count + 1, bytes: bytes + patch.bytes };
}

/** The patches as they arrive, for the curious; what it shows is what has just been applied to the page above it. */
import { useChannelState, type AppliedPatch } from "@rxsse/react";
import { memo } from "react";
import type { AnyChannel } from "../connection/useStatus";
import { clock } from "../ui/dates";
import { Icon } from "../ui/Icon";
import { usePatches } from "./usePatches";

/** Operations shown of one patch: a renumbered board has thousands. */
const SHOWN = 12;

export function UnderTheHood({ channel, onClose }: { channel: AnyChannel; onClose: () => void }) {
  const { latest, count, bytes } = usePatches(channel);
  const cursor = useChannelState(channel, ({ cursor }) => cursor);
  return (
    <aside className="hood" id="hood" aria-label="Under the hood">
      <header className="hood-head">
        <h2>Under the hood</h2>
        <code className="hood-url">GET {channel.url}</code>
        <span className="hood-sum">
          {count === 1 ? "1 patch" : `${count} patches`}, {bytes.toLocaleString()} bytes
        </span>
        <span>
          cursor <code data-testid="cursor">{cursor ?? "none yet"}</code>
        </span>
        <button type="button" className="icon-button" aria-label="Close under the hood" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {latest.length === 0 ? (
        <p className="hood-empty">
          Nothing has changed since you opened this page. Change something, here, in another window or in the{" "}
          <a href="/admin/" target="_blank" rel="noreferrer">
            admin
          </a>
          .
        </p>
      ) : (
        <ol className="hood-patches" aria-label="Patches, the newest first" tabIndex={0}>
          {latest.map((patch) => (
            <PatchRow key={patch.cursor} patch={patch} />
          ))}
        </ol>
      )}
    </aside>
  );
}

const PatchRow = memo(function PatchRow({ patch }: { patch: AppliedPatch }) {
  const { cursor, operations, bytes, at } = patch;
  const more = operations.length - SHOWN;
  return (
    <li className="patch">
      <p className="patch-head">
        <time dateTime={at.toISOString()}>{clock(at)}</time>
        <span>revision {cursor.slice(cursor.indexOf(".") + 1)}</span>
        <span>{bytes.toLocaleString()} bytes</span>
      </p>
      <div className="patch-operations">
        {operations.slice(0, SHOWN).map((operation, index) => (
          <code className="operation" key={index} data-op={operation.op}>
            <b>{operation.op}</b> {"from" in operation && <>{operation.from} → </>}
            {operation.path}
            {"value" in operation && <em> {JSON.stringify(operation.value)}</em>}
          </code>
        ))}
        {more > 0 && <code className="operation">and {more.toLocaleString()} more</code>}
      </div>
    </li>
  );
});

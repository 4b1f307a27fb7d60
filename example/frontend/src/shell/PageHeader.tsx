import type { ReactNode } from "react";
import { ConnectionBadge } from "../connection/Connection";
import type { AnyChannel } from "../connection/useStatus";
import { UnderTheHood } from "../hood/UnderTheHood";
import { Icon } from "../ui/Icon";
import { useKept } from "./useKept";

/** The top of a page that shows a channel: its title, whether it is live, and the way under the hood. */
export function PageHeader(props: { channel: AnyChannel; title: ReactNode; children?: ReactNode }) {
  const [open, setOpen] = useKept("board.hood", false);
  return (
    <>
      <header className="page-header">
        <MenuButton />
        <h1>{props.title}</h1>
        {props.children}
        <ConnectionBadge channel={props.channel} />
        <button
          type="button"
          className="icon-button"
          aria-label="Under the hood"
          title="Under the hood: the patches as they arrive"
          aria-expanded={open}
          aria-controls="hood"
          onClick={() => setOpen(!open)}
        >
          <Icon name="hood" />
        </button>
      </header>
      {open && <UnderTheHood channel={props.channel} onClose={() => setOpen(false)} />}
    </>
  );
}

/** Opens the navigation where there is no room for it beside the page. */
export function MenuButton() {
  return (
    <button type="button" className="icon-button menu-button" popoverTarget="navigation" aria-label="Menu">
      <Icon name="menu" />
    </button>
  );
}

import type { ReactNode } from "react";
import { Icon } from "./Icon";

/** A page, or a part of one, that has nothing to show, and what to do about it. */
export function EmptyState(props: { icon: Parameters<typeof Icon>[0]["name"]; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <span className="empty-icon">
        <Icon name={props.icon} />
      </span>
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

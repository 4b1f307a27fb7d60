import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type SubmitEvent } from "react";
import { Link, useLocation } from "wouter";
import { addProject, getPeople, getProjects } from "../api/board";
import { end } from "../session/session";
import { useMe } from "../session/useSession";
import { Avatar } from "../ui/Avatar";
import { Icon } from "../ui/Icon";
import { useWrite } from "../ui/messages";
import { toggleTheme } from "./theme";

/** Everywhere one can go: beside the page, or over it on a small screen. */
export function Navigation() {
  const [location] = useLocation();
  const navigation = useRef<HTMLElement>(null);
  useEffect(() => {
    if (navigation.current?.matches(":popover-open")) navigation.current.hidePopover();
  }, [location]);
  return (
    <nav id="navigation" className="navigation" ref={navigation} popover="auto" aria-label="Main">
      <Link href="/" className="brand">
        <img src={`${import.meta.env.BASE_URL}favicon.svg`} alt="" width="28" height="28" />
        rxsse board
      </Link>
      <Projects location={location} />
      <Me />
    </nav>
  );
}

function Projects({ location }: { location: string }) {
  const projects = useQuery({ queryKey: ["projects"], queryFn: getProjects });
  return (
    <>
      <ul className="nav-list">
        <li>
          <NavLink href="/mine/" current={location.startsWith("/mine")}>
            <Icon name="list" /> My open tasks
          </NavLink>
        </li>
      </ul>
      <h2 className="nav-title" id="nav-projects">
        Projects
      </h2>
      <ul className="nav-list" aria-labelledby="nav-projects">
        {projects.data?.map(({ id, name }) => (
          <li key={id}>
            <NavLink href={`/projects/${id}/`} current={location.startsWith(`/projects/${id}/`)}>
              <Icon name="board" /> <span className="nav-name">{name}</span>
            </NavLink>
          </li>
        ))}
        {projects.isPending && <li className="skeleton skeleton-line" aria-hidden="true" />}
        {projects.isError && (
          <li className="muted nav-note">
            {projects.error.message}{" "}
            <button type="button" className="link" onClick={() => void projects.refetch()}>
              Try again
            </button>
          </li>
        )}
      </ul>
      <NewProject />
    </>
  );
}

function NavLink(props: { href: string; current: boolean; children: React.ReactNode }) {
  return (
    <Link href={props.href} className="nav-link" aria-current={props.current ? "page" : undefined}>
      {props.children}
    </Link>
  );
}

function NewProject() {
  const [name, setName] = useState("");
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const write = useWrite();
  const onSubmit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (name.trim() === "") return;
    const written = await write(() => addProject(name.trim()));
    if (!written.ok) return;
    setName("");
    void queries.invalidateQueries({ queryKey: ["projects"] });
    navigate(`/projects/${written.answer.id}/`);
  };
  return (
    <form className="composer" onSubmit={onSubmit}>
      <input
        aria-label="New project"
        placeholder="New project"
        maxLength={100}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <button type="submit" className="icon-button" aria-label="Add project" disabled={name.trim() === ""}>
        <Icon name="plus" />
      </button>
    </form>
  );
}

function Me() {
  const { username } = useMe();
  const people = useQuery({ queryKey: ["people"], queryFn: getPeople });
  const name = people.data?.find((person) => person.username === username)?.name ?? username;
  return (
    <div className="me">
      <Avatar name={name || username} />
      <span className="nav-name">{name || username}</span>
      <button
        type="button"
        className="icon-button"
        aria-label="Light or dark"
        title="Light or dark"
        onClick={toggleTheme}
      >
        <Icon name="moon" />
      </button>
      <button type="button" className="icon-button" aria-label="Log out" title="Log out" onClick={() => end()}>
        <Icon name="out" />
      </button>
    </div>
  );
}

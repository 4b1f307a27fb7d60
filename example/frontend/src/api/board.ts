/** What can be asked of the board's REST API. Nobody asks again after a write: the stream brings what has changed. */
import type { Comment, Participant, Person, Tag, Task } from "../rx/projects.interfaces";
import { request } from "./client";

export interface ProjectSummary {
  id: number;
  name: string;
  description: string;
}

/** The fields of a task as they are written: relations by key. */
export interface TaskChange {
  title?: string;
  body?: string;
  due?: string | null;
  done?: boolean;
  assignee_id?: number | null;
  tag_ids?: number[];
}

export interface Move {
  /** The task that moves. */
  readonly id: number;
  /** The task of the same project that it comes to stand in front of; null: the end. */
  readonly before: number | null;
  readonly done: boolean;
}

export const getToken = (username: string, password: string) =>
  request<{ token: string }>("POST", "/api/token/", { username, password });

export const getProjects = () => request<ProjectSummary[]>("GET", "/api/projects/");
export const getPeople = () => request<Person[]>("GET", "/api/people/");
export const getTags = () => request<Tag[]>("GET", "/api/tags/");

export const addProject = (name: string) => request<ProjectSummary>("POST", "/api/projects/", { name });
export const renameProject = (id: number, name: string) => request("PATCH", `/api/projects/${id}/`, { name });

export const addTask = (project: number, title: string) => request<Task>("POST", "/api/tasks/", { project, title });
export const changeTask = (id: number, change: TaskChange) => request<Task>("PATCH", `/api/tasks/${id}/`, change);
export const moveTask = ({ id, ...place }: Move) => request("POST", `/api/tasks/${id}/move/`, place);
export const removeTask = (id: number) => request("DELETE", `/api/tasks/${id}/`);

export const addComment = (task: number, text: string) => request<Comment>("POST", "/api/comments/", { task, text });
export const removeComment = (id: number) => request("DELETE", `/api/comments/${id}/`);

export const addTag = (name: string, color: string) => request<Tag>("POST", "/api/tags/", { name, color });

export const invite = (project: number, user_id: number, role: Participant["role"]) =>
  request("POST", "/api/memberships/", { project, user_id, role });
export const removeParticipant = (id: number) => request("DELETE", `/api/memberships/${id}/`);

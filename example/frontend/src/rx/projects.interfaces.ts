export interface Person {
  id: number;
  username: string;
  name: string;
}

export interface Tag {
  id: number;
  name: string;
  color: string;
}

export interface Comment {
  id: number;
  task: number;
  author: Person;
  text: string;
  created: string;
}

export interface Task {
  id: number;
  project: number;
  title: string;
  body: string;
  assignee: Person | null;
  tags: Tag[];
  due: string | null;
  done: boolean;
  position: number;
  comments: Comment[];
}

export interface Participant {
  id: number;
  username: string;
  role: "owner" | "member" | "guest";
}

export interface Project {
  id: number;
  name: string;
  description: string;
  task_count: number;
  participants: Participant[];
  tasks: Task[];
}

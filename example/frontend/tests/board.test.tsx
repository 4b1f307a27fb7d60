import { http, open, project, stream, takeRenders, task, writes } from "./stage";
import { act, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";

const titles = (column: string) =>
  within(screen.getByRole("region", { name: column }))
    .queryAllByRole("article")
    .map((article) => article.getAttribute("aria-label"));

/** The board of project 1, live. */
async function board(tasks = [task(1), task(2), task(3), task(4, { done: true })], username = "ada") {
  const user = open("/projects/1/", username);
  await waitFor(() => expect(stream.opened).toBe(1));
  act(() => stream.snapshot(project(...tasks)));
  await screen.findByText("Live");
  return user;
}

test("shows the tasks in two columns, in the server's order", async () => {
  await board();
  expect(titles("To do")).toEqual(["Task 1", "Task 2", "Task 3"]);
  expect(titles("Done")).toEqual(["Task 4"]);
});

test("a patch to one task renders one card, and no column", async () => {
  await board(Array.from({ length: 1000 }, (_, index) => task(index + 1)));
  takeRenders();
  act(() => stream.patch({ op: "replace", path: "/tasks/2/title", value: "Changed" }));
  expect(titles("To do")[2]).toBe("Changed");
  const renders = takeRenders();
  expect(renders.get("TaskCard")).toBe(1);
  expect([...renders.keys()].filter((name) => ["App", "BoardPage", "Board", "Column", "Row"].includes(name))).toEqual(
    [],
  );
});

test("a patch to a task out of sight renders nothing", async () => {
  await board(Array.from({ length: 1000 }, (_, index) => task(index + 1)));
  takeRenders();
  act(() => stream.patch({ op: "replace", path: "/tasks/900/title", value: "Changed" }));
  expect(takeRenders()).toEqual(new Map());
});

test("the arrow keys move a task at once, and the patch changes nothing more", async () => {
  const user = await board();
  let answer: () => void = () => undefined;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  http.before = () => answered;

  screen.getByRole("button", { name: "Move Task 3" }).focus();
  await user.keyboard("{ArrowUp}");
  expect(titles("To do")).toEqual(["Task 1", "Task 3", "Task 2"]);
  expect(document.activeElement).toBe(screen.getByRole("button", { name: "Move Task 3" }));
  await screen.findByText("Task 3: place 2 in To do.");
  await waitFor(() => expect(writes()).toHaveLength(1));
  expect(writes()[0]).toMatchObject({ path: "/api/tasks/3/move/", body: { before: 2, done: false } });

  act(() => stream.patch({ op: "move", from: "/tasks/2", path: "/tasks/1" }));
  expect(titles("To do")).toEqual(["Task 1", "Task 3", "Task 2"]);
  await act(async () => {
    answer();
    await answered;
  });
  expect(titles("To do")).toEqual(["Task 1", "Task 3", "Task 2"]);
});

test("a move that the server refuses is taken back, and said", async () => {
  const user = await board();
  http.answer = ({ method }) => (method === "GET" ? [200, []] : [403, { detail: "This needs the role owner." }]);
  await user.click(screen.getByRole("checkbox", { name: "Done: Task 1" }));
  await within(screen.getByRole("alert")).findByText("This needs the role owner.");
  await waitFor(() => expect(titles("To do")).toEqual(["Task 1", "Task 2", "Task 3"]));
  expect(titles("Done")).toEqual(["Task 4"]);
});

test("ticking a task off moves it to the top of the other column", async () => {
  const user = await board();
  await user.click(screen.getByRole("checkbox", { name: "Done: Task 2" }));
  expect(titles("Done")).toEqual(["Task 2", "Task 4"]);
  await waitFor(() => expect(writes()[0]?.body).toEqual({ before: 4, done: true }));
});

test("a new task is not shown before the stream brings it", async () => {
  const user = await board();
  http.answer = ({ method }) => (method === "GET" ? [200, []] : [201, task(5)]);
  await user.type(screen.getByRole("textbox", { name: "New task" }), "Task 5{Enter}");
  await waitFor(() => expect(writes()).toHaveLength(1));
  expect(writes()[0]).toMatchObject({ path: "/api/tasks/", body: { project: 1, title: "Task 5" } });
  await waitFor(() => expect(screen.getByRole("textbox", { name: "New task" })).toHaveProperty("value", ""));
  expect(titles("To do")).not.toContain("Task 5");
  act(() => stream.patch({ op: "add", path: "/tasks/4", value: task(5) }));
  expect(titles("To do")).toContain("Task 5");
});

test("a guest has nothing to write with", async () => {
  await board([task(1)], "katherine");
  expect(screen.queryByRole("textbox", { name: "New task" })).toBeNull();
  expect(screen.queryByRole("button", { name: /^Move/ })).toBeNull();
  expect(screen.getByRole("checkbox", { name: "Done: Task 1" })).toHaveProperty("disabled", true);
});

test("a lost connection is said, and the board stays", async () => {
  await board();
  act(() => stream.lose());
  expect(screen.getByRole("status", { name: "Connection" }).textContent).toBe("Reconnecting");
  expect(screen.getByRole("status", { name: "Connection lost" }).textContent).toContain("No connection since");
  expect(titles("To do")).toEqual(["Task 1", "Task 2", "Task 3"]);
});

test("who takes no part is told so", async () => {
  open("/projects/1/");
  await waitFor(() => expect(stream.opened).toBe(1));
  act(() => stream.refuse(403));
  await screen.findByRole("heading", { name: "You take no part in this project" });
});

test("a refused token leads back to the log-in", async () => {
  open("/projects/1/");
  await waitFor(() => expect(stream.opened).toBe(1));
  act(() => stream.refuse(401));
  await screen.findByRole("button", { name: "Log in" });
  expect(screen.getByText(/Your session has ended/)).toBeTruthy();
});

test("under the hood, patches are shown with cursor and size", async () => {
  const user = await board();
  await user.click(screen.getByRole("button", { name: "Under the hood" }));
  act(() => stream.patch({ op: "replace", path: "/tasks/0/title", value: "Changed" }));
  const hood = within(screen.getByRole("complementary", { name: "Under the hood" }));
  const row = hood.getByRole("listitem");
  expect(row.textContent).toContain('replace /tasks/0/title "Changed"');
  expect(row.textContent).toContain("revision 1");
  expect(row.textContent).toContain("60 bytes");
  expect(hood.getByTestId("cursor").textContent).toBe("epoch.1");
  localStorage.clear();
});

test("what somebody types is not overwritten by what arrives, and is saved when left", async () => {
  const user = await board();
  await user.click(screen.getByRole("link", { name: "Task 1" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Task 1" }));
  const title = dialog.getByRole("textbox", { name: "Title" });
  await user.type(title, " or two");
  act(() => stream.patch({ op: "replace", path: "/tasks/0/title", value: "Theirs" }));
  expect(title).toHaveProperty("value", "Task 1 or two");
  await user.tab();
  await waitFor(() => expect(writes()[0]?.body).toEqual({ title: "Task 1 or two" }));
  expect(title).toHaveProperty("value", "Task 1 or two");
  act(() => stream.patch({ op: "replace", path: "/tasks/0/title", value: "Theirs, later" }));
  expect(title).toHaveProperty("value", "Theirs, later");
});

test("a task that is deleted while it is open says so", async () => {
  const user = await board();
  await user.click(screen.getByRole("link", { name: "Task 2" }));
  act(() => stream.patch({ op: "remove", path: "/tasks/1" }));
  await screen.findByRole("heading", { name: "This task is gone" });
});

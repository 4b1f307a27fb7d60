import { http, open, writes } from "./stage";
import { screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { getSession } from "../src/session/session";

async function logIn(password: string) {
  const user = open("/mine/", null);
  await user.type(screen.getByRole("textbox", { name: "Name" }), "ada");
  await user.type(screen.getByLabelText("Password"), password);
  await user.click(screen.getByRole("button", { name: "Log in" }));
}

test("a name and a password are exchanged for a token, which later requests carry", async () => {
  http.answer = ({ path }) => (path === "/api/token/" ? [200, { token: "abc" }] : [200, []]);
  await logIn("demo");
  await screen.findByRole("heading", { name: "My open tasks" });
  expect(writes()).toEqual([
    { method: "POST", path: "/api/token/", authorization: undefined, body: { username: "ada", password: "demo" } },
  ]);
  await waitFor(() => expect(http.asked.length).toBeGreaterThan(1));
  expect(http.asked.slice(1).every(({ authorization }) => authorization === "Token abc")).toBe(true);
  expect(getSession()).toEqual({ username: "ada", token: "abc" });
});

test("a wrong password is said, and may be tried again", async () => {
  http.answer = () => [400, { non_field_errors: ["Unable to log in with provided credentials."] }];
  await logIn("babbage");
  await within(screen.getByRole("alert")).findByText("Unable to log in with provided credentials.");
  expect(screen.getByRole("button", { name: "Log in" })).toHaveProperty("disabled", false);
  expect(getSession()).toBeNull();
});

test("logging out forgets the token", async () => {
  const user = open("/mine/");
  await user.click(screen.getByRole("button", { name: "Log out" }));
  await screen.findByRole("button", { name: "Log in" });
  expect(sessionStorage.length + localStorage.length).toBe(0);
});

test("a window keeps its person when another one logs in", () => {
  open("/mine/", "ada");
  localStorage.setItem("board.session", JSON.stringify({ username: "grace", token: "of grace" })); // from the other one
  expect(getSession()?.username).toBe("ada");
  expect(JSON.parse(sessionStorage.getItem("board.session") ?? "")).toMatchObject({ username: "ada" });
  localStorage.clear();
});

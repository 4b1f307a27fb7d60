/** Opens the board in Debian's Chromium, as people who have logged in; knows pages, not what is on them. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];

export async function openBrowser() {
  const profile = await mkdtemp(join(tmpdir(), "board-"));
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [...FLAGS, "--disable-component-update", "--disable-sync", `--disk-cache-dir=${profile}`],
  });
}

const tokens = new Map();

/** A window of its own, logged in as `username`; each person asks for a token once. */
export async function openWindow(browser, url, username, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(`${username}: ${error.stack}`));
  page.on("console", (message) => message.type() === "error" && console.error(`${username}: ${message.text()}`));
  if (username === null) return page;
  if (!tokens.has(username)) {
    const body = JSON.stringify({ username, password: "demo" });
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(`${url}/api/token/`, { method: "POST", headers, body });
    if (!response.ok) throw new Error(`${username} can't log in: ${response.status} ${await response.text()}`);
    tokens.set(username, (await response.json()).token);
  }
  const session = JSON.stringify({ username, token: tokens.get(username) });
  await context.addInitScript((session) => localStorage.setItem("board.session", session), session);
  return page;
}

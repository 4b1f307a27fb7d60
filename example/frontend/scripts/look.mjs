/**
 * Takes a picture of every state that the board can be in, and lets axe check each for accessibility. To be looked at
 * by a person; what must hold is held by tests.
 *
 *   npm run look -- [URL of a running demo] [folder]
 */
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { openBrowser, openWindow } from "./browser.mjs";

const [url = "http://127.0.0.1:8000", folder = "pictures"] = process.argv.slice(2);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const NARROW = { viewport: { width: 360, height: 640 } };
const DARK = { colorScheme: "dark" };
const violations = [];

const isLive = (page) => page.getByRole("status", { name: "Connection" }).getByText("Live").waitFor();
const project = (page, name) => page.getByRole("navigation").getByRole("link", { name, exact: true });

async function picture(page, name) {
  await page.evaluate(() =>
    Promise.all(
      document
        .getAnimations()
        .map(
          ({ finished }, index, all) =>
            Number.isFinite(all[index].effect.getComputedTiming().endTime) && finished.catch(() => null),
        ),
    ),
  );
  await page.screenshot({ path: join(folder, `${name}.png`) });
  const found = await page.evaluate(
    `${axe}; axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] })`,
  );
  for (const { id, help, nodes } of found.violations)
    violations.push(
      `${name}: ${id}: ${help}\n    ${nodes
        .map(({ html, any }) => html.slice(0, 160) + " " + (any[0]?.message ?? ""))
        .slice(0, 3)
        .join("\n    ")}`,
    );
}

await mkdir(folder, { recursive: true });
const browser = await openBrowser();

const looks = {
  async "log-in"() {
    const page = await openWindow(browser, url, null);
    await page.goto(url);
    await page.getByRole("button", { name: "Log in" }).waitFor();
    return page;
  },
  async board(options) {
    const page = await openWindow(browser, url, "ada", options);
    await page.goto(`${url}/projects/1/`);
    await isLive(page);
    return page;
  },
  "board-dark": () => looks.board(DARK),
  "board-phone": () => looks.board(PHONE),
  "board-360": () => looks.board(NARROW),
  async "menu-phone"() {
    const page = await looks.board(PHONE);
    await page.getByRole("button", { name: "Menu" }).click();
    return page;
  },
  async task(options) {
    const page = await looks.board(options);
    await page.getByRole("link", { name: "Recover from alarm 1202" }).click();
    await page.getByRole("dialog", { name: "Recover from alarm 1202" }).waitFor();
    return page;
  },
  "task-dark": () => looks.task(DARK),
  "task-phone": () => looks.task(PHONE),
  async participants() {
    const page = await looks.board();
    await page.getByRole("button", { name: /Participants/ }).click();
    return page;
  },
  async empty() {
    const page = await looks.board();
    await project(page, "Trajectories").click();
    await page.getByText("Write the first task below").waitFor();
    return page;
  },
  async guest() {
    const page = await openWindow(browser, url, "katherine");
    await page.goto(`${url}/projects/2/`);
    await isLive(page);
    return page;
  },
  async mine() {
    const page = await openWindow(browser, url, "ada");
    await page.goto(`${url}/mine/`);
    await isLive(page);
    return page;
  },
  async loading() {
    const page = await openWindow(browser, url, "ada");
    await page.route("**/rx/**", () => undefined);
    await page.goto(`${url}/projects/1/`);
    await page.getByText("Connecting").waitFor();
    return page;
  },
  async unreachable() {
    const page = await openWindow(browser, url, "ada");
    await page.route("**/rx/**", (route) => route.abort());
    await page.goto(`${url}/projects/1/`);
    await page.getByRole("alert").getByText("can’t be reached").waitFor();
    return page;
  },
  async offline(options) {
    const page = await looks.board(options);
    await page.context().setOffline(true);
    await page.getByText("Reconnecting").waitFor();
    await page.getByRole("checkbox").first().click();
    await page.getByRole("alert").getByText("can’t be reached").waitFor();
    return page;
  },
  "offline-phone-dark": () => looks.offline({ ...PHONE, ...DARK }),
  async closed() {
    const page = await openWindow(browser, url, "grace");
    await page.goto(`${url}/projects/1/`);
    await page.getByText("take no part").waitFor();
    return page;
  },
  async hood() {
    const page = await looks.board();
    await page.getByRole("button", { name: "Under the hood", exact: true }).click();
    await page.getByLabel("New task").fill("Look under the hood");
    await page.getByLabel("New task").press("Enter");
    await page.getByRole("listitem").filter({ hasText: "add" }).first().waitFor();
    await page.getByRole("link", { name: "Look under the hood" }).click();
    await page.getByRole("button", { name: "Delete task" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("This task is gone").waitFor();
    await page.getByRole("button", { name: "Close", exact: true }).click();
    return page;
  },
};

const wanted = process.argv.slice(4);
for (const [name, look] of Object.entries(looks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const page = await look().catch((error) => void console.error(`${name}: ${error.message}`));
  if (!page) {
    process.exitCode = 1;
    continue;
  }
  await picture(page, name);
  await page.context().close();
}
await browser.close();
console.log(violations.join("\n") || "axe finds nothing to complain about");
if (violations.length > 0) process.exitCode = 1;

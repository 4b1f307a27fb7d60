/**
 * Draws docs/board.png: two people's windows side by side, just after one of them has moved a task.
 *
 *   npm run picture -- [URL of a fresh demo] [file]
 */
import { openBrowser, openWindow } from "./browser.mjs";

const [url = "http://127.0.0.1:8000", file = "../../docs/board.png"] = process.argv.slice(2);
const WINDOW = { viewport: { width: 700, height: 700 } };

/** Holds what glows in the middle of glowing. */
const hold = () => {
  for (const animation of document.getAnimations()) {
    if (animation instanceof CSSTransition) animation.finish();
    if (!["glow", "arrive"].includes(animation.animationName)) continue;
    animation.pause();
    animation.currentTime = 100;
  }
};

async function board(browser, username) {
  const page = await openWindow(browser, url, username, WINDOW);
  await page.goto(`${url}/projects/1/`);
  await page.getByRole("status", { name: "Connection" }).getByText("Live").waitFor();
  return page;
}

const frame = (picture, name) => `<figure><figcaption><i></i><i></i><i></i><span>${name}</span></figcaption>
  <img src="data:image/png;base64,${picture.toString("base64")}"></figure>`;

const STYLE = `
  body { margin: 0; padding: 28px; display: flex; gap: 24px; background: linear-gradient(120deg, #e4e2f7, #dcefe6) }
  figure { margin: 0; border-radius: 12px; overflow: hidden; box-shadow: 0 14px 40px rgb(30 27 60 / 25%) }
  figcaption { display: flex; align-items: center; gap: 7px; height: 34px; padding: 0 14px; background: #fff;
    font: 600 13px system-ui, sans-serif; color: #585962; border-bottom: 1px solid #dedbd3 }
  i { width: 11px; height: 11px; border-radius: 50%; background: #dedbd3 }
  span { margin: auto; translate: -25px }
  img { display: block; width: 700px; height: 700px }`;

const browser = await openBrowser();
const [ada, katherine] = [await board(browser, "ada"), await board(browser, "katherine")];
await katherine.getByRole("button", { name: "Under the hood", exact: true }).click();
const task = ada.getByRole("article", { name: "Rehearse the lunar rendezvous" });
const target = ada.getByRole("article", { name: "Fuel the third stage" });
await ada.getByRole("checkbox", { name: "Done: Pack the flag" }).click();
await katherine.getByRole("listitem").filter({ hasText: "revision 1" }).waitFor();
await ada.evaluate(() => document.querySelectorAll(".glow").forEach(({ classList }) => classList.remove("glow")));
await task.dragTo(target, { targetPosition: { x: 100, y: 5 } });
await katherine.getByRole("listitem").filter({ hasText: "revision 2" }).waitFor();
await ada.locator(".card.glow").first().waitFor();
await ada.mouse.move(0, 0);
await Promise.all([ada.evaluate(hold), katherine.evaluate(hold)]);

const pictures = [await ada.screenshot(), await katherine.screenshot()];
const both = await browser.newPage({ viewport: { width: 1480, height: 790 } });
const names = ["Ada’s window", "Katherine’s window"];
await both.setContent(`<style>${STYLE}</style>${pictures.map((one, index) => frame(one, names[index])).join("")}`);
await both.screenshot({ path: file });
await browser.close();

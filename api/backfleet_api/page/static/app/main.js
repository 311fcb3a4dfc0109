/** Starts the page, and shows the view that the address names. */
import { html, render, useEffect, useState } from "./html.js";
import { Questions } from "./ask.js";
import { loadFacts } from "./metrics.js";
import { start } from "./live.js";
import { usePlace } from "./state.js";
import { Banner, Foot, Help, Top } from "./frame.js";
import { Batches } from "../views/batches.js";
import { Batch } from "../views/batch.js";
import { Backtest } from "../views/backtest.js";
import { Compare } from "../views/compare.js";
import { Leaderboard } from "../views/leaderboard.js";
import { New } from "../views/new.js";

const VIEWS = { batches: Batches, batch: Batch, backtest: Backtest, compare: Compare, leaderboard: Leaderboard, new: New };
const NAMES = { batches: "Batches", batch: "Batch", backtest: "Backtest", compare: "Compare", leaderboard: "Leaderboard", new: "New batch" };

function Page() {
  const place = usePlace();
  const [isHelp, setHelp] = useState(false);
  const View = /** @type {Record<string, any>} */ (VIEWS)[place.view];
  useEffect(() => {
    document.title = `${/** @type {Record<string, string>} */ (NAMES)[place.view]} · Backfleet`;
  }, [place.view]);
  return html`
    <${Top} place=${place} openHelp=${() => setHelp(true)} />
    <${Banner} />
    <${View} key=${place.view + (place.batch ?? "") + (place.backtest ?? "")} place=${place} />
    <${Foot} />
    <${Questions} />
    ${isHelp && html`<${Help} onClose=${() => setHelp(false)} />`}
  `;
}

/** The facts of metrics come first. Without an answer, it asks again: the page opens when the API is back. */
async function begin() {
  const root = /** @type {HTMLElement} */ (document.getElementById("page"));
  for (;;) {
    try {
      await loadFacts();
      break;
    } catch {
      render(html`<p class="banner" role="status">The API does not answer yet. The page goes on by itself.</p>`, root);
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
  root.textContent = "";
  start();
  render(html`<${Page} />`, root);
}

begin();

/** The frame of every view: the bar at the top, the banner while the API is away, the list of keys. */
import { html, useEffect, useState } from "./html.js";
import { clock } from "./format.js";
import { watchTrouble } from "./live.js";
import { about } from "./metrics.js";
import { linkTo, setQuery, useKeys } from "./state.js";
import { basketOf } from "./basket.js";
import { Dialog } from "./parts.js";

/** @param {{place: import("./address.js").Place, openHelp: () => void}} given */
export function Top({ place, openHelp }) {
  const picked = basketOf(place.query).length;
  useKeys({
    "?": openHelp,
    "/": () => /** @type {HTMLElement|null} */ (document.querySelector("[data-search]"))?.focus(),
    t: () => setQuery({ table: place.query.table ? "" : "1" }),
  });
  const link = (/** @type {string} */ view, /** @type {string} */ text) =>
    html`<a href=${linkTo({ view, batch: null })} aria-current=${place.view === view ? "page" : undefined}>${text}</a>`;
  return html`<header class="top">
    <a class="brand" href=${linkTo({ view: "batches", batch: null })}><img src="page/favicon.svg" alt="" /><span class="hide-small">Backfleet</span></a>
    <nav aria-label="Views">
      ${link("batches", "Batches")} ${link("leaderboard", "Leaderboard")} ${link("compare", picked ? `Compare (${picked})` : "Compare")} ${link("new", "New")}
    </nav>
    <button class="bare" onClick=${() => window.backfleetTheme.toggle()} aria-label="Switch between light and dark" title="Light or dark">◐</button>
    <button class="bare" onClick=${openHelp} aria-label="Keys and help" title="Keys (?)">?</button>
  </header>`;
}

/** Says since when the API is away. */
export function Banner() {
  const [trouble, setTrouble] = useState(/** @type {import("./live.js").Trouble|null} */ (null));
  useEffect(() => {
    const stop = watchTrouble(setTrouble);
    return () => void stop();
  }, []);
  if (!trouble) return html`<div role="status"></div>`;
  return html`<div class="banner" role="status">Since ${clock(trouble.since)}: ${trouble.text}. What you see is of then. The page goes on by itself.</div>`;
}

export function Foot() {
  return html`<footer class="foot"><span>Backfleet ${about.version}</span><a href="docs">REST API</a><a href="page/vendor/licences.txt">Licences</a></footer>`;
}

const KEYS = [
  ["j k", "next and previous row"],
  ["Enter", "open the row"],
  ["x", "put the row into Compare, or take it out"],
  ["/", "go to the filter"],
  ["t", "the table behind a chart"],
  ["?", "this list"],
  ["Esc", "close"],
];

/** @param {{onClose: () => void}} given */
export function Help({ onClose }) {
  return html`<${Dialog} title="Keys" onClose=${onClose}>
    <table><tbody>${KEYS.map(([key, what]) => html`<tr><td>${key.split(" ").map((each) => html`<kbd>${each}</kbd> `)}</td><td>${what}</td></tr>`)}</tbody></table>
    <p class="quiet">The address has the filter, the order and the choice of rows: a link shows the same again.</p>
    <button onClick=${onClose}>Close</button>
  <//>`;
}

/** Batches: what ran, what runs, how good it is. */
import { html, useState } from "../app/html.js";
import { address } from "../app/api.js";
import { ABSENT, age, count, moment } from "../app/format.js";
import { label, metricText } from "../app/metrics.js";
import { Progress, State, Trouble, Waiting } from "../app/parts.js";
import { go, linkTo, setQuery, useKeys, useLoad, useNow } from "../app/state.js";

const STATES = ["running", "suspended", "complete", "failed", "cancelled", "counting"];
const PAGE = 100;

/** @param {{place: import("../app/address.js").Place}} given */
export function Batches({ place }) {
  const { state = "", find = "", cursor = "" } = place.query;
  const path = address("api/optimization/batches", { state, cursor, limit: PAGE });
  const { data, error } = useLoad(path, { isLive: !cursor });
  const found = (data?.batches ?? []).filter((/** @type {any} */ each) => `${each.name} ${each.strategy} ${each.namespace}`.toLowerCase().includes(find.toLowerCase()));
  return html`<main class="stack">
    <div class="row wide"><h1>Batches</h1><a class="button" href=${linkTo({ view: "new", batch: null })}>Start a search</a></div>
    <div class="row end">
      <label class="field"><span>Name or strategy</span>
        <input data-search type="search" value=${find} onInput=${(/** @type {any} */ event) => setQuery({ find: event.target.value })} /></label>
      <label class="field"><span>State</span>
        <select value=${state} onChange=${(/** @type {any} */ event) => setQuery({ state: event.target.value, cursor: "" })}>
          <option value="">all</option>${STATES.map((each) => html`<option value=${each}>${each}</option>`)}
        </select></label>
    </div>
    <${Trouble} error=${error} />
    ${!data ? html`<${Waiting} />` : found.length ? html`<${List} batches=${found} />` : html`<${Nothing} isFiltered=${Boolean(find || state)} />`}
    <div class="row">
      ${cursor && html`<button onClick=${() => setQuery({ cursor: "" })}>Newest</button>`}
      ${data?.next_cursor && html`<button onClick=${() => setQuery({ cursor: data.next_cursor })}>Older batches</button>`}
    </div>
  </main>`;
}

/** @param {{isFiltered: boolean}} given */
function Nothing({ isFiltered }) {
  return isFiltered ? html`<p class="quiet">No batch matches. A batch that was not accepted yet opens by its name only.</p>`
    : html`<p class="note">No batch yet. <a href="#/new">Start one</a> from a config, or apply an OptimizationBatch with kubectl.</p>`;
}

/** @param {{batches: any[]}} given */
function List({ batches }) {
  const now = useNow(5000);
  const [chosen, setChosen] = useState(0);
  const at = Math.min(chosen, batches.length - 1);
  const link = (/** @type {any} */ each) => linkTo({ view: "batch", batch: each.batch_id, tab: each.state === "complete" ? "results" : "live" });
  useKeys({
    j: () => setChosen(Math.min(at + 1, batches.length - 1)),
    k: () => setChosen(Math.max(at - 1, 0)),
    Enter: () => go(link(batches[at])),
  });
  return html`<div class="scroll"><table>
    <thead><tr><th>Batch</th><th>State</th><th>Progress</th><th class="number">Ended</th><th class="number">Failed</th><th class="number">Pass</th>
      <th class="number">Best</th><th>of metric</th><th>Strategy</th><th>Accepted</th></tr></thead>
    <tbody>${batches.map((each, position) => html`<tr key=${each.batch_id} class=${position === at ? "chosen" : ""}>
      <td class="nowrap"><a href=${link(each)}>${each.name}</a> <span class="quiet small">${each.namespace}</span></td>
      <td><${State} state=${each.state} /></td>
      <td><${Progress} counts=${each.counts} /></td>
      <td class="number">${each.progress.replace("/", " / ")}</td>
      <td class="number ${each.counts.failed ? "bad" : ""}">${count(each.counts.failed)}</td>
      <td class="number">${count(each.counts.passed)}</td>
      <td class="number">${each.best ? html`<a href=${linkTo({ view: "backtest", backtest: each.best.backtest_id, batch: each.batch_id })}>${metricText(each.objective.metric, each.best.value)}</a>` : ABSENT}</td>
      <td class="quiet">${label(each.objective.metric)}</td>
      <td>${each.strategy} <span class="quiet small">${each.engine}</span></td>
      <td class="quiet" title=${moment(each.accepted_at)}>${age(each.accepted_at, now)}</td>
    </tr>`)}</tbody>
  </table></div>`;
}

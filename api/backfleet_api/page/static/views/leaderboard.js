/** Leaderboard: the best results of all batches that meet their criteria, and what ended on each day. */
import { html, useMemo } from "../app/html.js";
import { address } from "../app/api.js";
import { basketOf, toggled } from "../app/basket.js";
import { inWords, isEmpty, meets, readFilter } from "../app/filter.js";
import { count, moment } from "../app/format.js";
import { label, METRICS, metricText } from "../app/metrics.js";
import { Trouble, Waiting } from "../app/parts.js";
import { linkTo, setQuery, useLoad } from "../app/state.js";

const SHOWN = ["sharpe_ratio", "annual_return", "drawdown", "probabilistic_sharpe_ratio", "total_trades", "win_rate"];

/** @param {{place: import("../app/address.js").Place}} given */
export function Leaderboard({ place }) {
  const order = METRICS.has(place.query.metric) ? place.query.metric : "sharpe_ratio";
  const { data: strategies } = useLoad("api/strategies?limit=200");
  const { data, error } = useLoad(address("api/leaderboard", { order_by: order, strategy: place.query.strategy, limit: 50 }));
  const filter = useMemo(() => readFilter(place.query), [place.query]);
  const leaders = (data?.leaders ?? []).filter((/** @type {any} */ each) => meets({ ...filter, rejection: "" }, each, {}, false));
  const ran = (strategies?.strategies ?? []).filter((/** @type {any} */ each) => each.batches > 0);
  return html`<main class="stack">
    <h1>Leaderboard</h1>
    <div class="row end">
      <label class="field"><span>Metric</span><select value=${order} onChange=${(/** @type {any} */ event) => setQuery({ metric: event.target.value })}>${[...METRICS.keys()].map((name) => html`<option value=${name} selected=${name === order}>${label(name)}</option>`)}</select></label>
      <label class="field"><span>Strategy</span><select data-search value=${place.query.strategy ?? ""} onChange=${(/** @type {any} */ event) => setQuery({ strategy: event.target.value })}><option value="">all</option>${ran.map((/** @type {any} */ each) => html`<option value=${each.name} selected=${each.name === place.query.strategy}>${each.name}</option>`)}</select></label>
    </div>
    ${!isEmpty(filter) && html`<p class="quiet">${count(leaders.length)} of ${count(data?.leaders.length)} meet the filter${filter.metrics.length ? `: ${filter.metrics.map(inWords).join(", ")}` : ""}. <button class="bare" onClick=${() => setQuery({ metrics: "", passed: "" })}>Clear</button></p>`}
    <${Trouble} error=${error} />
    ${!data ? html`<${Waiting} />` : leaders.length ? html`<${List} leaders=${leaders} order=${order} place=${place} />` : html`<p class="note">No result meets its criteria${isEmpty(filter) ? " yet" : " and the filter"}.</p>`}
    <${Days} />
  </main>`;
}

/** @param {any} given */
function List({ leaders, order, place }) {
  const basket = basketOf(place.query);
  const shown = [order, ...SHOWN.filter((name) => name !== order)];
  return html`<div class="scroll"><table>
    <thead><tr><th class="number">Rank</th><th>Compare</th><th>Backtest</th><th>Strategy</th>${shown.map((name) => html`<th class="number">${label(name)}</th>`)}<th>Parameters</th><th>Recorded</th></tr></thead>
    <tbody>${leaders.map((/** @type {any} */ each) => html`<tr key=${each.backtest_id}>
      <td class="number">${each.rank}</td>
      <td><input type="checkbox" aria-label=${`Compare ${each.batch_name} ${each.index}`} checked=${basket.includes(each.backtest_id)} onChange=${() => setQuery({ pick: toggled(place.query, each.backtest_id) })} /></td>
      <td class="nowrap"><a href=${linkTo({ view: "backtest", backtest: each.backtest_id, batch: each.batch_id })}>${each.batch_name} ${each.index}</a></td>
      <td>${each.strategy}</td>
      ${shown.map((name) => html`<td class="number">${metricText(name, name === order ? each.value : each.metrics[name])}</td>`)}
      <td class="small">${Object.entries(each.parameters.texts).map(([name, text]) => `${name} ${text}`).join(", ")}</td>
      <td class="quiet nowrap">${moment(each.recorded_at)}</td>
    </tr>`)}</tbody>
  </table></div>`;
}

function Days() {
  const { data } = useLoad("api/daily-summary?days=60");
  const days = data ? [...data.days].reverse() : [];
  const most = Math.max(1, ...days.map((each) => each.ended));
  if (!days.length) return null;
  return html`<section class="near"><h2>Backtests that ended on each day</h2>
    <div class="days" aria-hidden="true">${days.map((each) => html`<div title=${`${each.day}: ${count(each.succeeded)} succeeded, ${count(each.failed)} failed`}>
      <div class="lost" style=${{ height: `${(100 * each.failed) / most}%` }}></div><div class="ok" style=${{ height: `${(100 * each.succeeded) / most}%` }}></div></div>`)}</div>
    <div class="scroll"><table><thead><tr><th>Day</th><th class="number">Ended</th><th class="number">Succeeded</th><th class="number">Failed</th><th class="number">Pass</th><th class="number">Best Sharpe</th><th class="number">Strategies</th></tr></thead>
      <tbody>${[...days].reverse().slice(0, 14).map((each) => html`<tr><td>${each.day}</td><td class="number">${count(each.ended)}</td><td class="number">${count(each.succeeded)}</td><td class="number ${each.failed ? "bad" : ""}">${count(each.failed)}</td><td class="number">${count(each.passed)}</td><td class="number">${metricText("sharpe_ratio", each.best_sharpe)}</td><td class="number">${each.strategies}</td></tr>`)}</tbody></table></div>
  </section>`;
}

/** One backtest: what exactly ran, and what came out. */
import { html, useMemo, useState } from "../app/html.js";
import { basketOf, toggled } from "../app/basket.js";
import { pointsOf, underwater } from "../app/curve.js";
import { inWords, isEmpty, meets, readFilter } from "../app/filter.js";
import { ABSENT, figure, moment } from "../app/format.js";
import { label, METRICS, metricText } from "../app/metrics.js";
import { Figures, Pairs, State, Trouble, Verdict, Waiting } from "../app/parts.js";
import { linkTo, setQuery, useLoad } from "../app/state.js";
import { Lines } from "../draw/lines.js";
import { saveParameters } from "./results.js";

const FIRST = ["sharpe_ratio", "net_profit", "annual_return", "drawdown", "probabilistic_sharpe_ratio", "total_trades", "win_rate", "fee_share"];
const OVER = ["succeeded", "failed", "cancelled"];
const money = (/** @type {number} */ value) => figure(value, "money");
const percent = (/** @type {number} */ value) => figure(value, "fraction");

/** @param {{place: import("../app/address.js").Place}} given */
export function Backtest({ place }) {
  const path = `api/backtests/${encodeURIComponent(place.backtest ?? "")}`;
  const [isLive, setLive] = useState(true);
  const { data, error } = useLoad(path, { isLive });
  if (data && isLive && OVER.includes(data.state)) setLive(false);
  if (!data) return html`<main>${error && !error.isTemporary ? html`<${Trouble} error=${error} />` : html`<${Waiting} />`}</main>`;
  return html`<main class="stack">
    <${Head} backtest=${data} place=${place} />
    <${Explanation} path=${path} state=${data.state} />
    ${data.result && html`<${Outcome} result=${data.result} isTable=${Boolean(place.query.table)} />`}
    <div class="columns">
      <section class="near"><h2>Parameters</h2><${Pairs} pairs=${Object.entries(data.parameters.texts)} />
        <button onClick=${() => saveParameters(data.backtest_id)}>Save as config.json</button></section>
      ${data.result && html`<section class="near"><h2>Provenance</h2><${Pairs} pairs=${[["run", data.result.run], ["criteria version", data.result.criteria_version], ...Object.entries(data.result.provenance)]} /></section>`}
    </div>
    <${Attempts} backtest=${data} />
    ${data.command && html`<section class="near"><h2>Run it again</h2><pre>${data.command}</pre></section>`}
    ${data.result && html`<${Raw} result=${data.result} />`}
  </main>`;
}

/** @param {any} given */
function Head({ backtest, place }) {
  const filter = useMemo(() => readFilter(place.query), [place.query]);
  const isPicked = basketOf(place.query).includes(backtest.backtest_id);
  const isMet = backtest.result && meets(filter, backtest.result, backtest.parameters.values);
  return html`<div class="near">
    <p><a href=${linkTo({ view: "batch", batch: backtest.batch_id, tab: "results" })}>← ${backtest.batch_name}</a></p>
    <div class="row wide">
      <div class="row"><h1>Backtest ${backtest.index}</h1><${State} state=${backtest.state} />
        ${backtest.result && html`<${Verdict} passed=${backtest.result.passed} rejections=${backtest.result.rejections} />`}</div>
      <button aria-pressed=${isPicked} onClick=${() => setQuery({ pick: toggled(place.query, backtest.backtest_id) })}>${isPicked ? "In Compare" : "Compare"}</button>
    </div>
    ${!isEmpty(filter) && backtest.result && html`<p class=${isMet ? "good" : "bad"}>${isMet ? "✓ It meets" : "✕ It does not meet"} the filter: ${[...filter.metrics, ...filter.parameters].map(inWords).concat(filter.passed ? ["meets the criteria"] : []).join(", ")}.</p>`}
  </div>`;
}

/** @param {any} given */
function Explanation({ path, state }) {
  const { data } = useLoad(`${path}/explain#${state}`);
  if (!data || state === "succeeded") return null;
  return html`<section class="note near"><p>${data.summary}</p>${data.facts.map((/** @type {string} */ each) => html`<p>${each}</p>`)}
    ${data.next.map((/** @type {any} */ each) => html`<p class="quiet">Next: ${each.what}${each.at ? ` At ${moment(each.at)}.` : ""}</p>`)}</section>`;
}

/** @param {any} given */
function Outcome({ result, isTable }) {
  const points = useMemo(() => pointsOf(result.equity_curve), [result]);
  const equity = useMemo(() => [{ label: "Equity", points }], [points]);
  const falls = useMemo(() => [{ label: "Below the peak", points: underwater(points), isFilled: true }], [points]);
  return html`
    <${Figures} figures=${FIRST.map((name) => [label(name), metricText(name, result.metrics[name])])} />
    ${result.warnings.map((/** @type {string} */ each) => html`<p class="note bad">${each}</p>`)}
    ${result.analysis.map((/** @type {any} */ each) => html`<p class="note">${each.name}: ${each.issue}${each.count ? ` (${each.count} times)` : ""}</p>`)}
    ${points.length < 2 ? html`<p class="quiet">The engine reported no equity curve.</p>` : html`<section class="near">
      <h2>Equity</h2>
      <p class="quiet">${points.length} points, sampled from the daily curve. The fall from the peak is therefore not exact: the drawdown above is, ${metricText("drawdown", result.metrics.drawdown)}.</p>
      ${isTable ? html`<${CurveTable} points=${points} />` : html`
        <${Lines} series=${equity} height=${280} text=${money} sync="equity" label="Equity over time; t shows it as a table" />
        <${Lines} series=${falls} height=${140} text=${percent} sync="equity" label="Fall from the highest equity so far; t shows it as a table" />`}
    </section>`}`;
}

/** @param {any} given */
function CurveTable({ points }) {
  const falls = underwater(points);
  return html`<div class="scroll"><table><thead><tr><th>Date</th><th class="number">Equity</th><th class="number">Below the peak</th></tr></thead>
    <tbody>${points.map((/** @type {number[]} */ [time, value], /** @type {number} */ at) => html`<tr><td>${new Date(time * 1000).toISOString().slice(0, 10)}</td><td class="number">${money(value)}</td><td class="number">${percent(falls[at][1])}</td></tr>`)}</tbody>
  </table></div>`;
}

/** @param {any} given */
function Attempts({ backtest }) {
  return html`<section class="near"><h2>Attempts</h2>
    ${!backtest.attempts.length ? html`<p class="quiet">It was not launched yet.</p>` : html`<div class="scroll"><table>
      <thead><tr><th>Attempt</th><th>Launched</th><th>Engine started</th><th>Ended</th><th class="number">Exit code</th><th>Outcome</th><th>Job and pod</th></tr></thead>
      <tbody>${backtest.attempts.map((/** @type {any} */ each) => html`<tr><td>${each.number}</td><td>${moment(each.launched_at)}</td><td>${moment(each.engine_started_at)}</td><td>${moment(each.ended_at)}</td>
        <td class="number">${each.exit_code ?? ABSENT}</td><td>${each.reason ? html`<span class="bad">✕ ${each.reason}</span>` : each.ended_at ? html`<span class="good">✓ result</span>` : "running"}</td>
        <td class="quiet small">${each.job_name}${each.pod_name ? html`<br />${each.pod_name}` : ""}</td></tr>`)}</tbody></table></div>`}
    ${backtest.log_tail && html`<h3>The end of its log</h3><pre>${backtest.log_tail}</pre>`}
  </section>`;
}

/** @param {any} given */
function Raw({ result }) {
  const metrics = [...METRICS.keys()].filter((name) => name in result.metrics);
  return html`<div class="columns">
    <section class="near"><h2>All metrics</h2><table><tbody>${metrics.map((name) => html`<tr title=${METRICS.get(name)?.meaning}><td>${label(name)}</td><td class="number">${metricText(name, result.metrics[name])}</td></tr>`)}</tbody></table></section>
    <section class="near"><h2>The engine's statistics</h2><table><tbody>${Object.entries(result.statistics).map(([name, text]) => html`<tr><td>${name}</td><td class="number">${text}</td></tr>`)}</tbody></table></section>
  </div>`;
}

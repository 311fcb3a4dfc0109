/** Compare: two to eight backtests of any batches, side by side. */
import { html, useEffect, useMemo, useState } from "../app/html.js";
import { address, getJson } from "../app/api.js";
import { basketOf, MOST, toggled } from "../app/basket.js";
import { growth, pointsOf, underwater } from "../app/curve.js";
import { isEmpty, meets, readFilter } from "../app/filter.js";
import { ABSENT, figure } from "../app/format.js";
import { label, metricText } from "../app/metrics.js";
import { State, Trouble, Verdict, Waiting } from "../app/parts.js";
import { linkTo, setQuery, useLoad } from "../app/state.js";
import { Lines } from "../draw/lines.js";

/** More of these is neither better nor worse. */
const NEUTRAL = ["total_orders", "total_trades", "start_equity", "exposure"];

/** @param {{place: import("../app/address.js").Place}} given */
export function Compare({ place }) {
  const ids = basketOf(place.query);
  const { data, error } = useLoad(ids.length >= 2 ? address("api/compare", { ids: ids.join(",") }) : null);
  const backtests = useBacktests(ids);
  return html`<main class="stack">
    <div class="row wide"><h1>Compare</h1>${ids.length > 0 && html`<button onClick=${() => setQuery({ pick: "" })}>Empty the basket</button>`}</div>
    ${ids.length < 2 && html`<p class="note">${ids.length ? "One backtest is in the basket: choose at least one more." : "The basket is empty."} In Results, tick rows or press <kbd>x</kbd>: two to ${MOST} backtests, of any batches.</p>`}
    <${Trouble} error=${error} />
    ${ids.length >= 2 && (data ? html`<${Side} data=${data} backtests=${backtests} place=${place} />` : !error && html`<${Waiting} />`)}
  </main>`;
}

/** The backtests themselves, for their curves. @param {string[]} ids */
function useBacktests(ids) {
  const [known, setKnown] = useState(/** @type {Record<string, any>} */ ({}));
  useEffect(() => {
    for (const id of ids.filter((each) => !(each in known))) {
      getJson(`api/backtests/${id}`).then((body) => setKnown((/** @type {any} */ before) => ({ ...before, [id]: body })), () => undefined);
    }
  }, [ids.join()]);
  return known;
}

/** @param {any} given */
function Side({ data, backtests, place }) {
  const filter = useMemo(() => readFilter(place.query), [place.query]);
  const letter = (/** @type {number} */ at) => String.fromCharCode(65 + at);
  const filterWord = (/** @type {any} */ each) => {
    const found = backtests[each.backtest_id];
    if (!found?.result) return ABSENT;
    return meets(filter, found.result, found.parameters.values) ? html`<span class="good">✓ meets it</span>` : html`<span class="bad">✕ does not</span>`;
  };
  const line = (/** @type {string} */ name, /** @type {(each: any, at: number) => any} */ cell, title = "") => html`<tr title=${title}><th scope="row">${name}</th>${data.backtests.map((/** @type {any} */ each, /** @type {number} */ at) => html`<td>${cell(each, at)}</td>`)}</tr>`;
  return html`
    ${data.warnings.map((/** @type {string} */ each) => html`<p class="note bad">${each.charAt(0).toUpperCase() + each.slice(1)}</p>`)}
    <${Curves} data=${data} backtests=${backtests} letter=${letter} isTable=${Boolean(place.query.table)} />
    <section class="near"><div class="scroll"><table>
      <thead><tr><td></td>${data.backtests.map((/** @type {any} */ each, /** @type {number} */ at) => html`<th scope="col"><b>${letter(at)}</b> <a href=${linkTo({ view: "backtest", backtest: each.backtest_id, batch: each.batch_id })}>${each.batch_name} ${each.backtest_id.split("-").at(-1)}</a>
        <button class="bare" aria-label=${`Take ${letter(at)} out`} onClick=${() => setQuery({ pick: toggled(place.query, each.backtest_id) })}>✕</button></th>`)}</tr></thead>
      <tbody>
        ${line("State", (each) => html`<${State} state=${each.state} />`)}
        ${line("Verdict", (each) => html`<${Verdict} passed=${each.passed} rejections=${each.rejections} />`)}
        ${!isEmpty(filter) && line("Filter", filterWord)}
        ${line("Strategy", (each) => each.strategy)}
        ${line("Engine", (each) => `${each.engine} ${each.engine_version ?? ""}`)}
        ${data.parameters.map((/** @type {any} */ parameter) => line(parameter.name, (_, at) => parameter.is_different ? html`<b>${parameter.texts[at] ?? ABSENT}</b>` : html`<span class="quiet">${parameter.texts[at] ?? ABSENT}</span>`))}
        ${data.metrics.filter((/** @type {any} */ metric) => metric.values.some((/** @type {any} */ value) => value != null)).map((/** @type {any} */ metric) => line(label(metric.name), (_, at) => {
          const text = metricText(metric.name, metric.values[at]);
          return !NEUTRAL.includes(metric.name) && metric.best.includes(at) && metric.best.length < data.backtests.length ? html`<b class="good">${text} <span aria-label="best">▲</span></b>` : text;
        }))}
      </tbody></table></div>
      <p class="quiet small">Bold parameters differ. ▲ is the best value of a metric.</p></section>`;
}

/** @param {any} given */
function Curves({ data, backtests, letter, isTable }) {
  const curves = useMemo(() => data.backtests.map((/** @type {any} */ each, /** @type {number} */ at) => ({
    label: `${letter(at)} ${each.batch_name}`, points: growth(pointsOf(backtests[each.backtest_id]?.result?.equity_curve ?? [])),
  })).filter((/** @type {any} */ each) => each.points.length > 1), [data, backtests]);
  const falls = useMemo(() => curves.map((/** @type {any} */ each) => ({ ...each, points: underwater(each.points) })), [curves]);
  if (!curves.length || isTable) return null;
  return html`<section class="near"><h2>Growth of one unit</h2><p class="quiet">Sampled from the daily curves.</p>
    <${Lines} series=${curves} height=${300} text=${(/** @type {number} */ value) => value.toFixed(2)} sync="compare" label="Growth of one unit for each backtest" />
    <${Lines} series=${falls} height=${160} text=${(/** @type {number} */ value) => figure(value, "fraction")} sync="compare" label="Fall from the highest equity so far" /></section>`;
}

/** Parameters: which of them matter, how the metric depends on each, and which ranges should move. */
import { html, useMemo } from "../app/html.js";
import { address } from "../app/api.js";
import { apiFilter } from "../app/filter.js";
import { count, figure } from "../app/format.js";
import { label, METRICS, metricText } from "../app/metrics.js";
import { Trouble, Waiting } from "../app/parts.js";
import { linkTo, setQuery, useLoad } from "../app/state.js";

/** @param {any} given */
export function Parameters({ batch, path, place, filter, rows }) {
  const order = METRICS.has(place.query.metric) ? place.query.metric : batch.objective.metric;
  const wanted = batch.counts.succeeded ? `${address(`${path}/parameters`, { order_by: order, ...apiFilter(filter) })}#${rows?.length}` : null;
  const { data, error } = useLoad(wanted);
  if (!wanted) return html`<p class="quiet">No result yet.</p>`;
  if (!data) return html`<${Trouble} error=${error} /><${Waiting} />`;
  const several = data.parameters.filter((/** @type {any} */ each) => each.values.length > 1);
  return html`<div class="stack">
    <div class="row end"><label class="field"><span>Metric</span>
      <select value=${order} onChange=${(/** @type {any} */ event) => setQuery({ metric: event.target.value })}>${[...METRICS.keys()].map((name) => html`<option value=${name} selected=${name === order}>${label(name)}</option>`)}</select></label></div>
    <${Best} data=${data} batch=${batch} />
    <${Importance} data=${data} />
    ${several.map((/** @type {any} */ each) => html`<${Parameter} key=${each.name} parameter=${each} data=${data} batch=${batch} isTable=${Boolean(place.query.table)} />`)}
  </div>`;
}

/** @param {any} given */
function Best({ data, batch }) {
  const { best, order } = data;
  if (!best) return html`<p class="note">No result has this metric.</p>`;
  const fall = best.neighbourhood == null ? null : Math.abs(best.value - best.neighbourhood) / (Math.abs(best.value) || 1);
  const word = fall == null ? "" : fall < 0.15 ? "A plateau: its neighbours are nearly as good." : fall < 0.5 ? "Its neighbours are clearly below it." : "A spike: its neighbours are far below it.";
  return html`<p class="note">Best ${label(order.metric)} of ${count(data.results)} results: <a href=${linkTo({ view: "backtest", backtest: best.backtest_id, batch: batch.batch_id })}><b>${metricText(order.metric, best.value)}</b></a>,
    mean of its ${best.neighbours} neighbours ${metricText(order.metric, best.neighbourhood)}. ${word}</p>`;
}

/** @param {any} given */
function Importance({ data }) {
  const known = data.parameters.filter((/** @type {any} */ each) => each.importance != null);
  /** @type {{name: string, share: number}[]} */
  const ranked = useMemo(() => [
    ...known.map((/** @type {any} */ each) => ({ name: each.name, share: each.importance })),
    ...data.pairs.slice(0, 5).map((/** @type {any} */ each) => ({ name: each.parameters.join(" × "), share: each.importance })),
  ].filter((each) => each.share >= 0.0005).sort((a, b) => b.share - a.share), [data]);
  return html`<section class="near"><h2>Importance</h2>
    <p class="quiet">The share of the variance of ${label(data.order.metric)} that a parameter explains alone, and two explain together beyond that.</p>
    ${data.note && html`<p class="note">${data.note.charAt(0).toUpperCase() + data.note.slice(1)}</p>`}
    ${ranked.map((each) => html`<div class="hbar"><span>${each.name}</span><div class="bar plain"><div style=${{ width: `${Math.max(0, each.share) * 100}%` }}></div></div><span class="number">${figure(each.share, "fraction")}</span></div>`)}
  </section>`;
}

/** @param {any} given */
function Parameter({ parameter, data, batch, isTable }) {
  const { metric } = data.order;
  const numbers = parameter.values.flatMap((/** @type {any} */ each) => [each.mean, each.median, each.best]).filter((/** @type {any} */ each) => each != null);
  const low = Math.min(...numbers);
  const width = Math.max(...numbers) - low || 1;
  const place = (/** @type {number} */ value) => `${((value - low) / width) * 98}%`;
  return html`<section class="near">
    <h2>${parameter.name}</h2>
    ${parameter.advice && html`<p class="note bad">${parameter.advice.charAt(0).toUpperCase() + parameter.advice.slice(1)} <a href=${linkTo({ view: "new", batch: batch.batch_id }, { from: batch.batch_id, beyond: `${parameter.name}:${parameter.edge}` })}>A search that goes on there</a></p>`}
    <div class="scroll"><table>
      <thead><tr><th>Value</th><th class="number">Results</th><th class="number">Pass</th><th class="number">Median</th><th class="number">Mean</th><th class="number">Best</th>${!isTable && html`<th>Median to best</th>`}</tr></thead>
      <tbody>${parameter.values.slice(0, 200).map((/** @type {any} */ each) => html`<tr>
        <td>${each.value}${each.last_value === each.value ? "" : ` to ${each.last_value}`}</td>
        <td class="number">${count(each.count)}</td><td class="number">${figure(each.passing_share, "fraction")}</td>
        <td class="number">${metricText(metric, each.median)}</td><td class="number">${metricText(metric, each.mean)}</td><td class="number">${metricText(metric, each.best)}</td>
        ${!isTable && html`<td style=${{ width: "36%" }}>${each.median != null && html`<div class="spread" aria-hidden="true">
          <i class="span" style=${{ left: place(Math.min(each.median, each.best)), right: `calc(100% - ${place(Math.max(each.median, each.best))})` }}></i>
          <i class="mid" style=${{ left: place(each.median) }}></i></div>`}</td>`}
      </tr>`)}</tbody>
    </table></div>
  </section>`;
}

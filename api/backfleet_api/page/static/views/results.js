/** Results: which combinations meet my conditions. All rows are in the browser, so that every slider answers at once. */
import { html, useMemo } from "../app/html.js";
import { address, getJson } from "../app/api.js";
import { basketOf, toggled } from "../app/basket.js";
import { parametersOf, valueText } from "../app/columns.js";
import { apiFilter } from "../app/filter.js";
import { ABSENT, count } from "../app/format.js";
import { isBetterHigh, label, METRICS, metricText } from "../app/metrics.js";
import { sorted } from "../app/order.js";
import { download, Waiting } from "../app/parts.js";
import { go, linkTo, setQuery } from "../app/state.js";
import { Table } from "../app/table.js";
import { Controls } from "./controls.js";
import { bestRow } from "./live.js";
import { WhatIf } from "./what-if.js";

/** @param {any} given */
export function Results(given) {
  const { batch, columns, rows } = given;
  if (!batch.counts.succeeded) return html`<p class="quiet">No result yet. They appear here while the batch runs.</p>`;
  if (!columns || !rows) return html`<${Waiting}>Loading the results…<//>`;
  return html`<div class="aside">
    <${Controls} ...${given} />
    <div class="stack">
      <${Toolbar} ...${given} />
      <${Rows} ...${given} />
    </div>
  </div>`;
}

/** @param {any} given */
function Toolbar({ batch, path, place, filter, columns, rows }) {
  const best = useMemo(() => bestRow(columns, rows, batch.objective.metric, batch.objective.direction), [columns, rows]);
  const id = best == null ? null : `${batch.batch_id}-${columns.by.get("index:index").data[best]}`;
  const shown = columns.columns.filter((/** @type {any} */ each) => each.kind === "metric").map((/** @type {any} */ each) => each.name);
  const others = [...METRICS.keys()].filter((name) => !shown.includes(name));
  const add = (/** @type {any} */ event) => setQuery({ columns: [place.query.columns, event.target.value].filter(Boolean).join(",") });
  return html`<div class="near">
    <div class="row wide">
      <p><b>${count(rows.length)}</b> of ${count(columns.next ? columns.rows : batch.counts.succeeded)} results${id && html` · best <a href=${linkTo({ view: "backtest", backtest: id, batch: batch.batch_id })}>${metricText(batch.objective.metric, columns.by.get(`metric:${batch.objective.metric}`).data[best])}</a>`}</p>
      <div class="row">
        <select aria-label="Add a column" value="" onChange=${add}><option value="">Add a column…</option>${others.map((name) => html`<option value=${name}>${label(name)}</option>`)}</select>
        ${id && html`<button onClick=${() => saveParameters(id)} title="The best combination, as the file that a LEAN strategy reads">Best as config.json</button>`}
        <a class="button" href=${address(`${path}/results.csv`, apiFilter(filter))} download=${`${batch.name}.csv`}>CSV</a>
      </div>
    </div>
    <${WhatIf} batch=${batch} path=${path} columns=${columns} rows=${rows} place=${place} />
  </div>`;
}

/** Saves the exact texts of a combination as LEAN reads them. @param {string} id */
export async function saveParameters(id) {
  const backtest = await getJson(`api/backtests/${id}`);
  download("config.json", `${JSON.stringify({ parameters: backtest.parameters.texts }, null, 2)}\n`);
}

/** @param {any} given */
function Rows({ batch, place, columns, rows }) {
  const sort = sortOf(place.query, batch, columns);
  const order = useMemo(() => sorted(rows, sort.column.data, sort.isDown), [rows, sort.column, sort.isDown]);
  const basket = basketOf(place.query);
  const idOf = (/** @type {number} */ at) => `${batch.batch_id}-${columns.by.get("index:index").data[order[at]]}`;
  const pick = (/** @type {number} */ at) => setQuery({ pick: toggled(place.query, idOf(at)) });
  const open = (/** @type {number} */ at) => go(linkTo({ view: "backtest", backtest: idOf(at), batch: batch.batch_id }));
  const described = useMemo(() => describe(columns), [columns]);
  const cells = described.map((/** @type {any} */ each) => ({ ...each, cell: (/** @type {number} */ at) => each.text(order[at]) }));
  const table = [
    { name: "pick", label: "Compare", width: 72, isFixed: true, canSort: false, isLeft: true,
      cell: (/** @type {number} */ at) => html`<input type="checkbox" aria-label=${`Compare ${idOf(at)}`} checked=${basket.includes(idOf(at))} onChange=${() => pick(at)} />` },
    { name: "index", label: "Index", width: 72, isFixed: true, cell: (/** @type {number} */ at) => html`<a href=${linkTo({ view: "backtest", backtest: idOf(at), batch: batch.batch_id })}>${columns.by.get("index:index").data[order[at]]}</a>` },
    ...cells,
  ];
  const change = (/** @type {string} */ name) => setQuery(name === sort.name ? { down: sort.isDown ? "no" : "yes" } : { sort: name, down: "" });
  return html`<${Table} label=${`Results of ${batch.name}`} count=${order.length} columns=${table} sort=${{ name: sort.name, isDown: sort.isDown }}
    onSort=${change} onOpen=${open} onPick=${pick} />`;
}

/** @param {Record<string, string>} query @param {any} batch @param {import("../app/filter.js").Columns} columns */
function sortOf(query, batch, columns) {
  const wanted = query.sort ?? `metric:${batch.objective.metric}`;
  const key = wanted === "index" ? "index:index" : wanted;
  const column = columns.by.get(key) ?? columns.by.get(`metric:${batch.objective.metric}`);
  if (!column) throw new Error("columns without the objective");
  const isHigh = column.kind === "metric" ? (column.name === batch.objective.metric ? batch.objective.direction === "maximize" : isBetterHigh(column.name)) : column.kind === "passed";
  const isDown = query.down ? query.down === "yes" : isHigh;
  return { name: column.kind === "index" ? "index" : `${column.kind}:${column.name}`, column, isDown };
}

/** Verdict, metrics and parameters as columns of the table. @param {import("../app/filter.js").Columns} columns */
function describe(columns) {
  const passed = columns.by.get("passed:passed");
  const verdict = { name: "passed:passed", label: "Verdict", width: 88, isFixed: true, isLeft: true,
    text: (/** @type {number} */ row) => passed?.data[row] === 1 ? html`<span class="good">✓ passes</span>` : html`<span class="bad">✕ fails</span>` };
  const metrics = columns.columns.filter((each) => each.kind === "metric").map((each) => ({
    name: `metric:${each.name}`, label: label(each.name), title: METRICS.get(each.name)?.meaning, width: Math.max(88, 32 + label(each.name).length * 7),
    text: (/** @type {number} */ row) => metricText(each.name, each.data[row]),
  }));
  const parameters = parametersOf(columns).map((each) => ({
    name: `parameter:${each.name}`, label: each.name, width: Math.max(64, Math.min(160, 32 + each.name.length * 7)),
    text: (/** @type {number} */ row) => valueText(each, each.data[row]) || ABSENT,
  }));
  return [verdict, ...parameters, ...metrics];
}

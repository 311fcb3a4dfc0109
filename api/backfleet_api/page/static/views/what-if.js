/** What if the criteria were others: how many results would pass, before anything is saved. */
import { html, useMemo, useState } from "../app/html.js";
import { countPassing } from "../app/columns.js";
import { count } from "../app/format.js";
import { CRITERIA, label, METRICS } from "../app/metrics.js";
import { setQuery } from "../app/state.js";
import { useChange } from "./actions.js";

/** @param {any} given */
export function WhatIf({ batch, path, columns, rows, place }) {
  const [bounds, setBounds] = useState(/** @type {Record<string, string>|null} */ (null));
  if (!bounds) return html`<button onClick=${() => open(batch, place, setBounds)}>What if the criteria were others?</button>`;
  return html`<${Panel} batch=${batch} path=${path} columns=${columns} rows=${rows} bounds=${bounds} setBounds=${setBounds} place=${place} />`;
}

/** @param {any} batch @param {any} place @param {(bounds: Record<string, string>) => void} setBounds */
function open(batch, place, setBounds) {
  setBounds(Object.fromEntries(CRITERIA.map((each) => [each.name, each.name in batch.criteria ? shown(each.metric, batch.criteria[each.name]) : ""])));
  setQuery({ columns: [...new Set([...(place.query.columns ?? "").split(","), ...CRITERIA.map((each) => each.metric)])].filter(Boolean).join(",") });
}

/** @param {any} given */
function Panel({ batch, path, columns, rows, bounds, setBounds, place }) {
  const [outcome, send, isBusy] = useChange();
  const wanted = useMemo(() => criteriaOf(bounds), [bounds]);
  const all = useMemo(() => Uint32Array.from({ length: columns.rows }, (_, row) => row), [columns]);
  const would = useMemo(() => countPassing(columns, all, wanted), [columns, wanted]);
  const wouldHere = useMemo(() => countPassing(columns, rows, wanted), [columns, rows, wanted]);
  const save = () => send("PATCH", path, { successCriteria: Object.fromEntries(wanted.map((/** @type {any} */ each) => [each.name, each.bound])) });
  return html`<section class="note near" aria-label="What if the criteria were others?">
    <p role="status"><b>${count(would)}</b> of ${count(columns.rows)} results would pass${place.query.rejection ? "" : `, now ${count(batch.counts.passed)}`}.${rows.length < columns.rows ? ` Of the ${count(rows.length)} that meet the filter: ${count(wouldHere)}.` : ""}</p>
    <div class="fields">${CRITERIA.map((each) => html`<label class="field"><span>${each.is_floor ? "At least" : "At most"} ${label(each.metric)}${factorOf(each.metric) === 100 ? ", %" : ""}</span>
      <input class="number" type="number" step="any" value=${bounds[each.name]} onInput=${(/** @type {any} */ event) => setBounds({ ...bounds, [each.name]: event.target.value })} /></label>`)}</div>
    <div class="row"><button class="first" disabled=${isBusy} onClick=${save}>Save these criteria</button><button onClick=${() => setBounds(null)}>Close</button></div>
    ${outcome}
  </section>`;
}

/** @param {Record<string, string>} bounds */
function criteriaOf(bounds) {
  return CRITERIA.filter((each) => bounds[each.name] !== "" && !Number.isNaN(Number(bounds[each.name])))
    .map((each) => ({ ...each, bound: Number((Number(bounds[each.name]) / factorOf(each.metric)).toPrecision(12)) }));
}

/** @param {string} metric */
function factorOf(metric) {
  return METRICS.get(metric)?.unit === "fraction" ? 100 : 1;
}

/** @param {string} metric @param {number} bound */
function shown(metric, bound) {
  return String(Number((bound * factorOf(metric)).toPrecision(12)));
}

/** The filter as chips, with how many results it keeps, and what to do with them. */
import { html } from "../app/html.js";
import { isEmpty, inWords, replaceConditions, writeFilter } from "../app/filter.js";
import { count } from "../app/format.js";
import { linkTo, setQuery } from "../app/state.js";

/** @param {import("../app/filter.js").Filter} filter */
export function applyFilter(filter) {
  setQuery(writeFilter(filter));
}

/** @param {{filter: import("../app/filter.js").Filter, rows: Uint32Array|null, columns: any, batch: any}} given */
export function Chips({ filter, rows, columns, batch }) {
  if (isEmpty(filter)) return null;
  const chip = (/** @type {string} */ text, /** @type {() => void} */ remove) =>
    html`<button class="chip" onClick=${remove} title="Take this condition out" aria-label=${`Remove: ${text}`}>${text} <span aria-hidden="true">✕</span></button>`;
  const conditions = (/** @type {"metrics"|"parameters"} */ kind) => filter[kind].map((each) =>
    chip(inWords(each), () => applyFilter(replaceConditions(filter, kind, each.name, filter[kind].filter((other) => other.name === each.name && other !== each)))));
  return html`<div class="chips" role="group" aria-label="Filter">
    <b>${rows ? `${count(rows.length)} of ${count(batch.counts.succeeded)} results` : "Filter"}</b>
    ${filter.passed && chip("meets the criteria", () => applyFilter({ ...filter, passed: false }))}
    ${filter.rejection && chip(`rejected: ${filter.rejection.replaceAll("_", " ")}`, () => applyFilter({ ...filter, rejection: "" }))}
    ${conditions("metrics")} ${conditions("parameters")}
    <button class="bare small" onClick=${() => applyFilter({ passed: false, rejection: "", metrics: [], parameters: [] })}>Clear all</button>
    <a class="small" href=${linkTo({ view: "new", batch: batch.batch_id }, { from: batch.batch_id })}>New search over these</a>
    ${columns?.next && html`<span class="note bad small">The first ${count(columns.rows)} results only: the batch has more than the page loads.</span>`}
  </div>`;
}

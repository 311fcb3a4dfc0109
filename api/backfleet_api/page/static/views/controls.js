/** Sliders for parameters and bounds for metrics: each changes the one filter, which every view follows. */
import { html, useMemo } from "../app/html.js";
import { extent, parametersOf, valuesOf, valueText } from "../app/columns.js";
import { escapePart, decodePart, replaceConditions } from "../app/filter.js";
import { CRITERIA, label, METRICS, metricText } from "../app/metrics.js";
import { applyFilter } from "./chips.js";

/** On a phone the controls are closed at first. */
const NARROW = matchMedia("(max-width: 800px)");

/** @param {any} given */
export function Controls({ batch, columns, filter, rows }) {
  const metrics = columns.columns.filter((/** @type {any} */ each) => each.kind === "metric");
  return html`<aside aria-label="Filter"><details class="stack" open=${!NARROW.matches}><summary>Filter</summary>
    <label class="row"><input type="checkbox" checked=${filter.passed} onChange=${(/** @type {any} */ event) => applyFilter({ ...filter, passed: event.target.checked })} /> Meets the criteria</label>
    <label class="field"><span>Does not meet</span><select value=${filter.rejection} onChange=${(/** @type {any} */ event) => applyFilter({ ...filter, rejection: event.target.value })}>
      <option value="">any criterion or none</option>${CRITERIA.filter((each) => each.name in batch.criteria).map((each) => html`<option value=${each.rejection} selected=${each.rejection === filter.rejection}>${each.rejection.replaceAll("_", " ")}</option>`)}</select></label>
    <section class="near"><h2 class="plain">Parameters</h2>
      ${parametersOf(columns).map((each) => html`<${ParameterControl} key=${each.name} column=${each} filter=${filter} />`)}
    </section>
    <section class="near"><h2 class="plain">Metrics</h2>
      ${metrics.map((/** @type {any} */ each, /** @type {number} */ position) => html`<${MetricControl} key=${each.name} column=${each} filter=${filter} rows=${rows} isFirst=${position === 0} />`)}
    </section>
  </details></aside>`;
}

/** @param {any} given */
function ParameterControl({ column, filter }) {
  const values = useMemo(() => valuesOf(column), [column]);
  if (values.length < 2) return html`<p class="label small"><span>${column.name}</span><span class="quiet">${values.length ? valueText(column, values[0]) : ""}</span></p>`;
  return column.values ? html`<${Choices} column=${column} values=${values} filter=${filter} />` : html`<${Slider} column=${column} values=${values} filter=${filter} />`;
}

/** @param {any} given */
function Slider({ column, values, filter }) {
  const conditions = filter.parameters.filter((/** @type {any} */ each) => each.name === column.name);
  const bound = (/** @type {string} */ op) => conditions.find((/** @type {any} */ each) => each.op === op || each.op === "=")?.value;
  const last = values.length - 1;
  const low = bound(">=") == null ? 0 : Math.max(0, values.findIndex((/** @type {number} */ value) => value >= Math.fround(Number(bound(">=")))));
  const high = bound("<=") == null ? last : Math.max(0, values.findLastIndex((/** @type {number} */ value) => value <= Math.fround(Number(bound("<=")))));
  const set = (/** @type {number} */ from, /** @type {number} */ to) => {
    const text = (/** @type {number} */ at) => valueText(column, values[at]);
    const next = [];
    if (from > 0) next.push({ name: column.name, op: ">=", value: text(from) });
    if (to < last) next.push({ name: column.name, op: "<=", value: text(to) });
    applyFilter(replaceConditions(filter, "parameters", column.name, next));
  };
  const thumb = (/** @type {string} */ what, /** @type {number} */ at, /** @type {(at: number) => void} */ change) =>
    html`<input type="range" min="0" max=${last} step="1" value=${at} aria-label=${`${column.name}: ${what}`} aria-valuetext=${valueText(column, values[at])}
      onInput=${(/** @type {any} */ event) => change(Number(event.target.value))} />`;
  return html`<fieldset class="control"><legend></legend>
    <div class="label"><span>${column.name}</span><span class="quiet">${valueText(column, values[low])} to ${valueText(column, values[high])}</span></div>
    <div class="range">${thumb("lowest", low, (at) => set(Math.min(at, high), high))}${thumb("highest", high, (at) => set(low, Math.max(at, low)))}</div>
  </fieldset>`;
}

/** @param {any} given */
function Choices({ column, values, filter }) {
  const condition = filter.parameters.find((/** @type {any} */ each) => each.name === column.name);
  const texts = values.map((/** @type {number} */ value) => valueText(column, value));
  const chosen = condition ? condition.value.split("|").map(decodePart) : texts;
  const toggle = (/** @type {string} */ text) => {
    const next = texts.filter((/** @type {string} */ each) => (each === text ? !chosen.includes(each) : chosen.includes(each)));
    const isAll = next.length === texts.length || !next.length;
    applyFilter(replaceConditions(filter, "parameters", column.name, isAll ? [] : [{ name: column.name, op: "=", value: next.map(escapePart).join("|") }]));
  };
  return html`<fieldset class="control"><legend><span>${column.name}</span></legend>
    <div class="row">${texts.map((/** @type {string} */ text) => html`<label class="row"><input type="checkbox" checked=${chosen.includes(text)} onChange=${() => toggle(text)} />${text}</label>`)}</div>
  </fieldset>`;
}

/** @param {any} given */
function MetricControl({ column, filter, rows, isFirst }) {
  const range = useMemo(() => extent(column, rows), [column, rows]);
  const factor = METRICS.get(column.name)?.unit === "fraction" ? 100 : 1;
  const field = (/** @type {string} */ op, /** @type {string} */ what) => {
    const condition = filter.metrics.find((/** @type {any} */ each) => each.name === column.name && each.op === op);
    const set = (/** @type {any} */ event) => {
      const others = filter.metrics.filter((/** @type {any} */ each) => each.name === column.name && each.op !== op);
      const text = event.target.value.trim();
      const next = text === "" || Number.isNaN(Number(text)) ? [] : [{ name: column.name, op, value: String(Number((Number(text) / factor).toPrecision(12))) }];
      applyFilter(replaceConditions(filter, "metrics", column.name, [...others, ...next]));
    };
    return html`<input class="number" type="number" step="any" aria-label=${`${label(column.name)}: ${what}`} placeholder=${what} data-search=${isFirst && op === ">=" ? "" : undefined}
      value=${condition ? Number((Number(condition.value) * factor).toPrecision(12)) : ""} onChange=${set} />`;
  };
  return html`<div class="control" title=${METRICS.get(column.name)?.meaning}>
    <div class="label"><span>${label(column.name)}${factor === 100 ? " in %" : ""}</span><span class="quiet small">${range ? `${metricText(column.name, range[0])} to ${metricText(column.name, range[1])}` : ""}</span></div>
    <div class="row">${field(">=", "at least")}${field("<=", "at most")}</div>
  </div>`;
}

/** A metric over two parameters: is the best on a plateau, or is it a spike? */
import { html, useMemo, useState } from "../app/html.js";
import { address, getBuffer } from "../app/api.js";
import { readHeatMap } from "../app/binary.js";
import { parametersOf, valuesOf, valueText } from "../app/columns.js";
import { apiFilter, escapePart } from "../app/filter.js";
import { count } from "../app/format.js";
import { isBetterHigh, label, METRICS, metricText } from "../app/metrics.js";
import { Trouble, Waiting } from "../app/parts.js";
import { setQuery, useLoad, useTheme } from "../app/state.js";
import { axisCount, axisText } from "../draw/axis.js";
import { quantiles } from "../draw/colours.js";
import { MapCanvas } from "../draw/map.js";
import { Scale } from "../draw/scale.js";
import { Facets } from "./facets.js";
import { Neighbourhood } from "./neighbourhood.js";

const OTHERS = [["best", "held at the best result"], ["median", "median over their values"], ["min", "lowest over their values"], ["max", "highest over their values"], ["passing", "share that passes"]];
export const read = async (/** @type {string} */ path) => readHeatMap(await getBuffer(path));

/** @param {any} given */
export function HeatMap(given) {
  const { batch, columns } = given;
  if (!batch.counts.succeeded) return html`<p class="quiet">No result yet. The map appears here while the batch runs.</p>`;
  if (!columns) return html`<${Waiting} />`;
  const axes = parametersOf(columns).map((column) => ({ column, values: valuesOf(column) })).filter((each) => each.values.length > 1);
  if (axes.length < 2) return html`<p class="note">A heat map needs two parameters with several values; the results have ${axes.length}. See Parameters.</p>`;
  return html`<${Map} ...${given} axes=${axes} />`;
}

/** @param {any} given */
function Map({ batch, path, place, filter, axes, rows }) {
  const { query } = place;
  const names = axes.map((/** @type {any} */ each) => each.column.name);
  const x = names.includes(query.x) ? query.x : names[0];
  const y = names.includes(query.y) && query.y !== x ? query.y : names.find((/** @type {string} */ name) => name !== x);
  const order = METRICS.has(query.metric) ? query.metric : batch.objective.metric;
  const others = query.others ?? "best";
  const asked = { x, y, others, at: query.at, order_by: order, ...apiFilter(filter) };
  const { data, error, isOld } = useLoad(`${address(`${path}/heat-map`, asked)}#${rows?.length}`, { read });
  return html`<div class="stack" aria-busy=${isOld}>
    <${Choose} axes=${axes} x=${x} y=${y} order=${order} others=${others} query=${query} />
    <${Trouble} error=${error} />
    ${data ? html`<${Drawn} data=${data} path=${path} batch=${batch} asked=${asked} query=${query} isBig=${true} />` : html`<${Waiting} />`}
    ${data && query.facet && names.includes(query.facet) && ![x, y].includes(query.facet)
      && html`<${Facets} axis=${axes.find((/** @type {any} */ each) => each.column.name === query.facet)} path=${path} asked=${asked} query=${query} />`}
  </div>`;
}

/** @param {any} given */
function Choose({ axes, x, y, order, others, query }) {
  const names = axes.map((/** @type {any} */ each) => each.column.name);
  const rest = axes.filter((/** @type {any} */ each) => each.column.name !== x && each.column.name !== y);
  const held = Object.fromEntries((query.at ?? "").split(",").filter(Boolean).map((/** @type {string} */ part) => part.split("=")));
  const hold = (/** @type {string} */ name, /** @type {string} */ value) => {
    const next = { ...held, [name]: value };
    setQuery({ at: Object.entries(next).filter(([key, text]) => text && key !== x && key !== y).map(([key, text]) => `${key}=${text}`).join(",") });
  };
  const select = (/** @type {string} */ text, /** @type {string} */ value, /** @type {[string, string][]} */ options, /** @type {(value: string) => void} */ change) =>
    html`<label class="field"><span>${text}</span><select value=${value} onChange=${(/** @type {any} */ event) => change(event.target.value)}>
      ${options.map(([key, word]) => html`<option value=${key} selected=${key === value}>${word}</option>`)}</select></label>`;
  const plain = (/** @type {string[]} */ list) => list.map((name) => /** @type {[string, string]} */ ([name, name]));
  return html`<div class="row end">
    ${select("Left to right", x, plain(names), (value) => setQuery({ x: value, y: value === y ? x : y, at: "" }))}
    ${select("Bottom to top", y, plain(names), (value) => setQuery({ y: value, x: value === x ? y : x, at: "" }))}
    ${select("Metric", order, [...METRICS.keys()].map((name) => [name, label(name)]), (value) => setQuery({ metric: value }))}
    ${rest.length > 0 && select("Other parameters", others, /** @type {any} */ (OTHERS), (value) => setQuery({ others: value }))}
    ${rest.map((/** @type {any} */ each) => select(each.column.name, held[each.column.name] ?? "", [["", others === "best" ? "as the best" : "all"],
      ...each.values.slice(0, 200).map((/** @type {number} */ value) => /** @type {[string, string]} */ ([escapePart(valueText(each.column, value)), valueText(each.column, value)]))],
      (value) => hold(each.column.name, value)))}
    ${rest.length > 0 && select("One map for each", query.facet ?? "", [["", "none"], ...plain(rest.map((/** @type {any} */ each) => each.column.name))], (value) => setQuery({ facet: value }))}
  </div>`;
}

/** @param {any} given */
function Drawn({ data, batch, asked, query }) {
  const theme = useTheme();
  const [layer, setLayer] = useState("value");
  const { header, layers } = data;
  const values = layers[layer];
  const bounds = useMemo(() => quantiles(values), [values]);
  const best = bestCell(header);
  const chosen = cellOf(query.cell, header);
  const isShare = asked.others === "passing";
  const text = (/** @type {number} */ value) => metricText(isShare ? "win_rate" : header.order.metric, value);
  const isHighGood = isShare || header.order.direction === "maximize";
  const map = { width: header.width, height: header.height, x: header.x, y: header.y, xBin: header.x_bin, yBin: header.y_bin, values };
  const edges = edgeWords(header, best);
  return html`<section class="near">
    <p><b>${header.words.charAt(0).toUpperCase() + header.words.slice(1)}.</b> <span class="quiet">${count(header.results)} results${best ? "; the ring is the best of what is shown" : ""}.</span></p>
    ${edges && html`<p class="note bad">${edges}</p>`}
    <div class="row wide">
      <div class="row" role="group" aria-label="Layer">
        <button aria-pressed=${layer === "value"} onClick=${() => setLayer("value")}>Value</button>
        <button aria-pressed=${layer === "neighbourhood"} onClick=${() => setLayer("neighbourhood")}>Mean of the neighbours</button>
      </div>
      <${Scale} bounds=${bounds} isHighGood=${isHighGood} text=${text} />
    </div>
    ${query.table ? html`<${MapTable} map=${map} text=${text} />`
      : html`<p class="small"><span class="quiet">↑</span> ${header.y.name}</p>
        <${MapCanvas} map=${map} bounds=${bounds} isHighGood=${isHighGood} theme=${theme} height=${Math.max(160, Math.min(520, header.height * 36))}
          best=${best} chosen=${chosen} label=${`Heat map: ${header.words}. Arrow keys move between cells; t shows it as a table.`} onChoose=${(/** @type {number[]} */ cell) => setQuery({ cell: cell.join(".") })} />
        <p class="small" style=${{ textAlign: "right" }}>${header.x.name} <span class="quiet">→</span></p>`}
    ${chosen && html`<${Neighbourhood} data=${data} cell=${chosen} text=${text} batch=${batch} />`}
  </section>`;
}

/** @param {any} given */
function MapTable({ map, text }) {
  const columns = Array.from({ length: Math.min(map.width, 60) }, (_, at) => at);
  const rows = Array.from({ length: Math.min(map.height, 200) }, (_, at) => Math.min(map.height, 200) - 1 - at);
  return html`<div class="scroll"><table><caption class="unseen">The numbers of the heat map</caption>
    <thead><tr><th>${map.y.name} ↓ ${map.x.name} →</th>${columns.map((at) => html`<th class="number" scope="col">${axisText(map.x, at * map.xBin)}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr><th scope="row">${axisText(map.y, row * map.yBin)}</th>${columns.map((at) => html`<td class="number">${text(map.values[row * map.width + at])}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/** @param {any} header @returns {[number, number]|null} */
function bestCell(header) {
  if (!header.best) return null;
  const place = (/** @type {any} */ axis, /** @type {number} */ bin) => {
    const wanted = header.best.parameters.texts[axis.name];
    for (let at = 0; at < axisCount(axis); at += 1) if (axisText(axis, at) === wanted || Number(axisText(axis, at)) === Number(wanted)) return Math.floor(at / bin);
    return -1;
  };
  const cell = /** @type {[number, number]} */ ([place(header.x, header.x_bin), place(header.y, header.y_bin)]);
  return cell[0] < 0 || cell[1] < 0 ? null : cell;
}

/** @param {any} header @param {[number, number]|null} best */
function edgeWords(header, best) {
  if (!best) return "";
  const ends = [];
  if (!header.x.values && header.width > 1 && (best[0] === 0 || best[0] === header.width - 1)) ends.push(header.x.name);
  if (!header.y.values && header.height > 1 && (best[1] === 0 || best[1] === header.height - 1)) ends.push(header.y.name);
  return ends.length ? `The best lies at the edge of ${ends.join(" and ")}: values beyond it may be better. Parameters has a search that goes on there.` : "";
}

/** @param {string|undefined} text @param {any} header @returns {[number, number]|null} */
function cellOf(text, header) {
  const [column, row] = (text ?? "").split(".").map(Number);
  return text && column < header.width && row < header.height ? [column, row] : null;
}

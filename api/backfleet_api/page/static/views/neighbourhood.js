/** A cell of the heat map and the cells around it: near values say plateau, far ones say spike. */
import { html } from "../app/html.js";
import { escapePart } from "../app/filter.js";
import { count } from "../app/format.js";
import { linkTo } from "../app/state.js";
import { axisText } from "../draw/axis.js";

/** @param {any} given */
export function Neighbourhood({ data, cell, text, batch }) {
  const { header, layers } = data;
  const [column, row] = cell;
  const at = row * header.width + column;
  const name = (/** @type {any} */ axis, /** @type {number} */ bin, /** @type {number} */ place) => axisText(axis, place * bin);
  const isExact = header.x_bin === 1 && header.y_bin === 1;
  const held = Object.entries(header.held).map(([key, value]) => `${key}=${escapePart(String(value))}`);
  const parameters = [`${header.x.name}=${escapePart(name(header.x, 1, column))}`, `${header.y.name}=${escapePart(name(header.y, 1, row))}`, ...held].join(",");
  const near = (/** @type {number} */ place, /** @type {number} */ size) => [-1, 0, 1].map((step) => place + step).filter((each) => each >= 0 && each < size);
  const columns = near(column, header.width);
  const rows = near(row, header.height).reverse();
  return html`<section class="note near" aria-live="polite">
    <p><b>${header.x.name} ${name(header.x, header.x_bin, column)}, ${header.y.name} ${name(header.y, header.y_bin, row)}</b>: ${text(layers.value[at])};
      mean of the neighbours ${text(layers.neighbourhood[at])}; ${count(layers.count[at])} ${layers.count[at] === 1 ? "result" : "results"}.
      ${isExact && html` <a href=${linkTo({ view: "batch", batch: batch.batch_id, tab: "results" }, { parameters })}>Show in Results</a>`}</p>
    <table style=${{ width: "auto" }}>
      <thead><tr><td></td>${columns.map((each) => html`<th class="number">${name(header.x, header.x_bin, each)}</th>`)}</tr></thead>
      <tbody>${rows.map((line) => html`<tr><th>${name(header.y, header.y_bin, line)}</th>
        ${columns.map((each) => html`<td class="number">${line === row && each === column ? html`<b>${text(layers.value[line * header.width + each])}</b>` : text(layers.value[line * header.width + each])}</td>`)}</tr>`)}</tbody>
    </table>
  </section>`;
}

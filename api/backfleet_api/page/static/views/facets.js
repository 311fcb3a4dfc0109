/** One small heat map for each value of a third parameter, in the colours of one scale. */
import { html, useMemo, useState } from "../app/html.js";
import { address } from "../app/api.js";
import { valueText } from "../app/columns.js";
import { escapePart } from "../app/filter.js";
import { metricText } from "../app/metrics.js";
import { setQuery, useLoad, useTheme } from "../app/state.js";
import { quantiles } from "../draw/colours.js";
import { MapCanvas } from "../draw/map.js";
import { read } from "./heat-map.js";

const MOST = 12;

/** @param {any} given */
export function Facets({ axis, path, asked, query }) {
  const values = axis.values.slice(0, MOST);
  const { data } = useLoad(address(`${path}/heat-map`, { ...asked, others: "median" }), { read });
  const bounds = useMemo(() => (data ? quantiles(data.layers.value) : null), [data]);
  return html`<section class="near"><h2>For each ${axis.column.name}</h2>
    <p class="quiet">${axis.values.length > MOST ? `The first ${MOST} of ${axis.values.length} values. ` : ""}The colours are those of the median over all values, so the maps compare. A click holds the value in the map above.</p>
    ${bounds && html`<div class="facets">${values.map((/** @type {number} */ value) => html`<${Facet} key=${value} name=${axis.column.name} text=${valueText(axis.column, value)} path=${path} asked=${asked} bounds=${bounds} />`)}</div>`}
  </section>`;
}

/** @param {any} given */
function Facet({ name, text, path, asked, bounds }) {
  const theme = useTheme();
  const others = (asked.at ?? "").split(",").filter((/** @type {string} */ part) => part && !part.startsWith(`${name}=`));
  const at = [...others, `${name}=${escapePart(text)}`].join(",");
  const { data } = useLoad(address(`${path}/heat-map`, { ...asked, at }), { read });
  if (!data) return html`<figure class="near"><figcaption>${name} ${text}</figcaption></figure>`;
  const { header, layers } = data;
  const map = { width: header.width, height: header.height, x: header.x, y: header.y, xBin: header.x_bin, yBin: header.y_bin, values: layers.value };
  return html`<figure class="near">
    <figcaption>${name} <b>${text}</b> <span class="quiet small">best ${metricText(header.order.metric, header.best?.value)}</span></figcaption>
    <${MapCanvas} map=${map} bounds=${bounds} isHighGood=${header.order.direction === "maximize"} theme=${theme} height=${140} best=${null} chosen=${null} isSmall=${true}
      label=${`${name} ${text}: ${header.words}`} onChoose=${() => setQuery({ at })} />
  </figure>`;
}

/** Lines over time with uPlot. The table behind them is their accessible form. */
import { html, useLayoutEffect, useRef } from "../app/html.js";
import { ABSENT } from "../app/format.js";
import { useTheme } from "../app/state.js";
import uPlot from "../vendor/uplot.js";

/** @typedef {{label: string, points: [number, number][], isFilled?: boolean}} Series times in seconds, ascending */
/** Colours that people with any colour blindness tell apart (Okabe and Ito), for light and dark. */
const COLOURS = { light: ["#1c56b8", "#b3541e", "#01665e", "#a03c7c", "#56788f", "#8a6d00", "#6b4fa0", "#444444"], dark: ["#82aef7", "#f0a35e", "#5ec4b5", "#e394c4", "#a9c4d6", "#d8bf4f", "#b7a0e6", "#cccccc"] };

/** @param {{series: Series[], height: number, text: (value: number) => string, label: string, sync?: string}} given */
export function Lines({ series, height, text, label, sync }) {
  const frame = useRef(/** @type {HTMLDivElement|null} */ (null));
  const theme = useTheme();
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element || !series.some((each) => each.points.length)) return undefined;
    const plot = new uPlot(options(series, element.clientWidth, height, text, theme === "dark" ? "dark" : "light", sync), join(series), element);
    const sizes = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      plot.destroy();
    };
  }, [series, height, theme]);
  return html`<div class="chart" ref=${frame} role="img" aria-label=${label}></div>`;
}

/** @param {Series[]} series */
function join(series) {
  const tables = series.map((each) => [each.points.map((point) => point[0]), each.points.map((point) => point[1])]);
  return tables.length === 1 ? tables[0] : uPlot.join(tables);
}

/** @param {Series[]} series @param {number} width @param {number} height @param {(value: number) => string} text @param {"light"|"dark"} theme @param {string|undefined} sync */
function options(series, width, height, text, theme, sync) {
  const style = getComputedStyle(document.documentElement);
  const line = { stroke: style.getPropertyValue("--grey3"), grid: { stroke: style.getPropertyValue("--grey2"), width: 1 }, ticks: { stroke: style.getPropertyValue("--grey2"), width: 1 } };
  const colours = COLOURS[theme];
  return {
    width,
    height,
    cursor: { sync: sync ? { key: sync } : undefined, drag: { x: true, y: false } },
    legend: { live: true },
    axes: [line, { ...line, size: 72, values: (/** @type {any} */ _, /** @type {number[]} */ ticks) => ticks.map(text) }],
    series: [
      { value: (/** @type {any} */ _, /** @type {number|null} */ time) => (time == null ? ABSENT : new Date(time * 1000).toISOString().slice(0, 10)) },
      ...series.map((each, at) => ({
        label: each.label, stroke: colours[at % colours.length], width: 1.5, spanGaps: true,
        fill: each.isFilled ? `${colours[at % colours.length]}26` : undefined, points: { show: false },
        value: (/** @type {any} */ _, /** @type {number|null} */ value) => (value == null ? ABSENT : text(value)),
      })),
    ],
  };
}

/** Names, units and directions of metrics, and the criteria, as the API's `facts.json` has them. */
import { getJson } from "./api.js";
import { figure, title } from "./format.js";

/** @typedef {{name: string, metric: string, is_floor: boolean, rejection: string}} Criterion */

/** @type {Map<string, import("./format.js").Metric>} */
export const METRICS = new Map();
/** @type {Criterion[]} */
export const CRITERIA = [];
export const about = { version: "" };

const SHORT = {
  sharpe_ratio: "Sharpe",
  sortino_ratio: "Sortino",
  probabilistic_sharpe_ratio: "PSR",
  annual_standard_deviation: "Std. dev.",
  total_trades: "Trades",
  total_orders: "Orders",
  profit_loss_ratio: "P/L ratio",
  net_profit: "Net profit",
  average_win: "Avg. win",
  average_loss: "Avg. loss",
};

/** Loads the facts once, before the first view. */
export async function loadFacts() {
  const facts = await getJson("page/facts.json");
  about.version = facts.version;
  for (const each of facts.metrics) METRICS.set(each.name, each);
  CRITERIA.push(...facts.criteria);
}

/** @param {string} name */
export function label(name) {
  return /** @type {Record<string, string>} */ (SHORT)[name] ?? title(name);
}

/** @param {string} name @param {number|null|undefined} value */
export function metricText(name, value) {
  return figure(value, METRICS.get(name)?.unit);
}

/** @param {string} name */
export function isBetterHigh(name) {
  return METRICS.get(name)?.is_better_high ?? true;
}

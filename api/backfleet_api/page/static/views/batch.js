/** One batch: its summary, always in sight, the filter, and the view that the tab names. */
import { html, useMemo } from "../app/html.js";
import { address, getBuffer } from "../app/api.js";
import { readColumns } from "../app/binary.js";
import { isEmpty, readFilter, rowsOf } from "../app/filter.js";
import { ABSENT, count, duration } from "../app/format.js";
import { CRITERIA, label, METRICS, metricText } from "../app/metrics.js";
import { Progress, State, Trouble, Waiting } from "../app/parts.js";
import { linkTo, useLoad, useNow, useThrottled } from "../app/state.js";
import { Chips } from "./chips.js";
import { HeatMap } from "./heat-map.js";
import { Live } from "./live.js";
import { Parameters } from "./parameters.js";
import { Results } from "./results.js";

const TABS = [["live", "Overview"], ["results", "Results"], ["heat-map", "Heat map"], ["parameters", "Parameters"]];
const VIEWS = { live: Live, results: Results, "heat-map": HeatMap, parameters: Parameters };
const USUAL = ["sharpe_ratio", "net_profit", "annual_return", "drawdown", "probabilistic_sharpe_ratio", "total_trades", "win_rate", "average_win", "fee_share"];
const MOST_ROWS = 100_000;
const RELOAD = 10_000;

/** @param {{place: import("../app/address.js").Place}} given */
export function Batch({ place }) {
  const path = `api/optimization/batches/${encodeURIComponent(place.batch ?? "")}`;
  const { data: batch, error } = useLoad(path, { isLive: true });
  const filter = useMemo(() => readFilter(place.query), [place.query.metrics, place.query.parameters, place.query.passed, place.query.rejection]);
  const columns = useColumns(path, batch, place, filter);
  const rows = useMemo(() => (columns ? rowsOf(columns, filter) : null), [columns, filter]);
  if (!batch) return html`<main>${error && !error.isTemporary ? html`<${Trouble} error=${error} />` : html`<${Waiting} />`}</main>`;
  const View = /** @type {Record<string, any>} */ (VIEWS)[place.tab ?? "live"];
  return html`
    <${Summary} batch=${batch} place=${place} />
    <main class="stack">
      <${Trouble} error=${error} />
      <${Chips} filter=${filter} rows=${rows} columns=${columns} batch=${batch} />
      <${View} batch=${batch} path=${path} place=${place} filter=${filter} columns=${columns} rows=${rows} />
    </main>`;
}

/** The results as columns: loaded once, and again as results arrive, at most every ten seconds.
 * @param {string} path @param {any} batch @param {import("../app/address.js").Place} place @param {import("../app/filter.js").Filter} filter */
function useColumns(path, batch, place, filter) {
  const succeeded = useThrottled(batch?.counts.succeeded ?? 0, RELOAD);
  const version = succeeded || batch?.counts.succeeded || 0;
  const isNeeded = version > 0 && (place.tab !== "live" || !isEmpty(filter));
  const names = batch ? columnNames(batch, place.query.columns, filter) : [];
  // The rejections are not in the columns, so that the API filters by them. What stands after # only makes it another request.
  const query = { columns: names.join(","), limit: MOST_ROWS, rejection: filter.rejection };
  const wanted = isNeeded ? `${address(`${path}/columns`, query)}#${version}.${batch?.criteria_version}.${batch?.stale_verdicts}` : null;
  const { data } = useLoad(wanted, { read: async (address) => readColumns(await getBuffer(address)) });
  return /** @type {import("../app/filter.js").Columns|null} */ (data);
}

/** @param {any} batch @param {string|undefined} chosen @param {import("../app/filter.js").Filter} filter */
export function columnNames(batch, chosen, filter) {
  const judged = CRITERIA.filter((each) => each.name in batch.criteria).map((each) => each.metric);
  const asked = (chosen ?? "").split(",").filter((each) => METRICS.has(each));
  const filtered = filter.metrics.map((each) => each.name).filter((each) => METRICS.has(each));
  return [...new Set([batch.objective.metric, ...USUAL, ...judged, ...filtered, ...asked])];
}

/** @param {{batch: any, place: import("../app/address.js").Place}} given */
function Summary({ batch, place }) {
  const now = useNow();
  const left = batch.estimated_finish_at ? (Date.parse(batch.estimated_finish_at) - now) / 1000 : null;
  const ended = batch.counts.succeeded + batch.counts.failed + batch.counts.cancelled;
  return html`<section class="summary" aria-label="Summary of the batch">
    <div class="line">
      <h1>${batch.name}</h1>
      <${State} state=${batch.state} />
      <span>${count(ended)} of ${count(batch.counts.total)} ended</span>
      ${batch.counts.failed > 0 && html`<span class="bad">${count(batch.counts.failed)} failed</span>`}
      <span>${count(batch.counts.passed)} pass</span>
      <span>best ${label(batch.objective.metric)} <b>${batch.best ? html`<a href=${linkTo({ view: "backtest", backtest: batch.best.backtest_id, batch: batch.batch_id })}>${metricText(batch.objective.metric, batch.best.value)}</a>` : ABSENT}</b></span>
      ${batch.state === "running" && html`<span>${batch.pace ?? "no pace yet"}</span>`}
      ${left != null && html`<span>${left > 0 ? `${duration(left)} left` : "about to end"}</span>`}
      <span class="quiet hide-small">${batch.strategy} · ${batch.engine}</span>
    </div>
    <${Progress} counts=${batch.counts} isThin=${true} />
    <nav class="tabs" aria-label="Views of the batch">
      ${TABS.map(([tab, name]) => html`<a href=${linkTo({ view: "batch", batch: place.batch, tab })} aria-current=${place.tab === tab ? "page" : undefined}>${name}</a>`)}
    </nav>
  </section>`;
}

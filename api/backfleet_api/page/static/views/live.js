/** A batch, live: how far, how fast, when done; what fails and why; why it waits; and what a person may change. */
import { html, useMemo } from "../app/html.js";
import { isEmpty } from "../app/filter.js";
import { ABSENT, clock, count, duration, moment } from "../app/format.js";
import { CRITERIA, isBetterHigh, label, metricText } from "../app/metrics.js";
import { Figures, Pairs, Waiting } from "../app/parts.js";
import { linkTo, useLoad, useNow, useThrottled } from "../app/state.js";
import { Actions } from "./actions.js";
import { groupFailures } from "./failures.js";

const MOST_FAILURES = 200;
const ENDED = ["complete", "failed", "cancelled"];

/** @param {any} given */
export function Live({ batch, path, filter, columns, rows }) {
  const isOver = ENDED.includes(batch.state);
  return html`
    ${batch.finish && html`<p class="note ${batch.state === "failed" ? "bad" : ""}">${batch.finish.reason}: ${batch.finish.message}</p>`}
    ${batch.message && html`<p class="note">${batch.message}</p>`}
    <${Pace} batch=${batch} isOver=${isOver} />
    ${!isEmpty(filter) && columns && rows && html`<${Filtered} batch=${batch} columns=${columns} rows=${rows} />`}
    ${!isOver && html`<${Actions} batch=${batch} path=${path} />`}
    <div class="columns">
      <${Explanation} path=${path} isOver=${isOver} />
      <${Failures} batch=${batch} path=${path} />
      <div class="stack"><${Criteria} batch=${batch} /><${About} batch=${batch} /></div>
    </div>`;
}

/** @param {{batch: any, isOver: boolean}} given */
function Pace({ batch, isOver }) {
  const now = useNow();
  const left = batch.estimated_finish_at ? (Date.parse(batch.estimated_finish_at) - now) / 1000 : null;
  const end = batch.finished_at ? Date.parse(batch.finished_at) : now;
  const took = batch.started_at ? duration((end - Date.parse(batch.started_at)) / 1000) : ABSENT;
  const { counts } = batch;
  return html`<${Figures} figures=${[
    ["Succeeded", count(counts.succeeded)],
    ["Failed", html`<span class=${counts.failed ? "bad" : ""}>${count(counts.failed)}</span>`],
    ["Running", count(counts.active)],
    ["Queued", count(counts.queued)],
    ["Meet the criteria", html`<span class=${counts.passed ? "good" : ""}>${count(counts.passed)}</span>`],
    ["Pace", batch.pace ?? ABSENT],
    isOver ? ["Took", took] : ["Runs for", took],
    isOver ? ["Ended", moment(batch.finished_at)] : ["Time left", left == null ? ABSENT : left > 0 ? duration(left) : "about to end"],
  ]} />`;
}

/** @param {{batch: any, columns: import("../app/filter.js").Columns, rows: Uint32Array}} given */
function Filtered({ batch, columns, rows }) {
  const metric = batch.objective.metric;
  const best = useMemo(() => bestRow(columns, rows, metric, batch.objective.direction), [columns, rows]);
  const id = best == null ? null : `${batch.batch_id}-${columns.by.get("index:index")?.data[best]}`;
  return html`<p class="note">${count(rows.length)} results meet the filter${id
    ? html`; the best of them has ${label(metric)} <a href=${linkTo({ view: "backtest", backtest: id, batch: batch.batch_id })}>${metricText(metric, columns.by.get(`metric:${metric}`)?.data[best ?? 0])}</a>` : ""}.</p>`;
}

/** @param {import("../app/filter.js").Columns} columns @param {Uint32Array} rows @param {string} metric @param {string} direction */
export function bestRow(columns, rows, metric, direction) {
  const data = columns.by.get(`metric:${metric}`)?.data;
  if (!data) return null;
  const sign = (direction ? direction === "maximize" : isBetterHigh(metric)) ? 1 : -1;
  let best = null;
  for (const row of rows) {
    if (!Number.isNaN(data[row]) && (best === null || sign * data[row] > sign * data[best])) best = row;
  }
  return best;
}

/** @param {{path: string, isOver: boolean}} given */
function Explanation({ path, isOver }) {
  const { data } = useLoad(`${path}/explain`, { isLive: !isOver });
  return html`<section class="near"><h2>Where it is</h2>
    ${!data ? html`<${Waiting} />` : html`
      <p>${data.summary}</p>
      ${data.facts.length > 0 && html`<ul class="near">${data.facts.map((/** @type {string} */ each) => html`<li>${each}</li>`)}</ul>`}
      ${data.next.length > 0 && html`<h3>Next</h3><ul class="near">${data.next.map((/** @type {any} */ each) => html`<li>${each.what}${each.at ? html` <span class="quiet">at ${clock(each.at)}</span>` : ""}</li>`)}</ul>`}`}
  </section>`;
}

/** @param {{batch: any, path: string}} given */
function Failures({ batch, path }) {
  const failed = useThrottled(batch.counts.failed, 5000) || batch.counts.failed;
  const { data } = useLoad(failed ? `${path}/backtests?state=failed&limit=${MOST_FAILURES}#${failed}` : null);
  /** @type {import("./failures.js").FailureGroup[]} */
  const groups = useMemo(() => groupFailures(data?.backtests ?? []), [data]);
  return html`<section class="near"><h2>Failures</h2>
    ${!failed && html`<p class="quiet">None.</p>`}
    ${groups.map((each) => html`<details open class="near">
      <summary><b class="bad">✕ ${each.reason}</b> · ${count(each.count)} ${each.count === 1 ? "backtest" : "backtests"}, ${count(each.attempts)} ${each.attempts === 1 ? "attempt" : "attempts"}</summary>
      <pre>${each.message || "no message"}</pre>
      <p class="small">Index ${each.examples.map((/** @type {any} */ one) => html`<a href=${linkTo({ view: "backtest", backtest: one.id, batch: batch.batch_id })}>${one.index}</a> `)}</p>
    </details>`)}
    ${data?.next_cursor && html`<p class="quiet small">The first ${MOST_FAILURES} failures by index, of ${count(failed)}.</p>`}
  </section>`;
}

/** @param {{batch: any}} given */
function Criteria({ batch }) {
  const set = CRITERIA.filter((each) => each.name in batch.criteria);
  return html`<section class="near"><h2>Criteria</h2>
    ${set.length ? html`<${Pairs} pairs=${set.map((each) => [label(each.metric), `${each.is_floor ? "at least" : "at most"} ${metricText(each.metric, batch.criteria[each.name])}`])} />`
      : html`<p class="quiet">None: every result passes.</p>`}
    ${batch.stale_verdicts > 0 && html`<p class="note">${count(batch.stale_verdicts)} verdicts are by an older version and are being updated.</p>`}
  </section>`;
}

/** @param {{batch: any}} given */
function About({ batch }) {
  const data = batch.spec.data ?? {};
  return html`<section class="near"><h2>About</h2>
    ${[...batch.warnings, ...batch.advice].map((/** @type {string} */ each) => html`<p class="note">${each}</p>`)}
    <${Pairs} pairs=${[
      ["Strategy", batch.strategy], ["Engine", [batch.engine, ...batch.engine_versions].join(" ")],
      ["Symbols", (data.symbols ?? []).join(", ") || ABSENT], ["Period", data.startDate ? `${data.startDate} to ${data.endDate ?? "the end"}` : ABSENT],
      ["Objective", `${batch.objective.direction} ${label(batch.objective.metric)}`], ["Jobs at once", batch.max_concurrent],
      ["Backtests per Job", batch.backtests_per_job], ["Namespace", batch.namespace], ["Submitted by", batch.submitter ?? ABSENT],
      ["Accepted", moment(batch.accepted_at)], ["Uid", html`<code>${batch.batch_id}</code>`],
    ]} />
    <details><summary>Spec as accepted</summary><pre>${JSON.stringify(batch.spec, null, 2)}</pre></details>
  </section>`;
}

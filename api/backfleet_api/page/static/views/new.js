/** New: from a config, a manifest or an earlier batch to a running search, with a dry run before anything runs. */
import { html, useEffect, useMemo, useState } from "../app/html.js";
import { ApiError, write } from "../app/api.js";
import { askToken } from "../app/ask.js";
import { readDraft } from "../app/draft.js";
import { inWords, readFilter } from "../app/filter.js";
import { beyond, narrowed } from "../app/follow-up.js";
import { count, duration } from "../app/format.js";
import { Figures, Pairs, Trouble } from "../app/parts.js";
import { go, linkTo, useLoad } from "../app/state.js";

const RUN = "api/optimization/run-parallel";
const EXAMPLE = `strategy:
  name: RSI_MeanReversion_ETF
engine: bars
parameters:
  rsi_period: {start: 10, end: 20, step: 2, type: int}
  entry_threshold: {start: 20, end: 35, step: 5, type: int}
symbols: [AAPL]
start_date: 2000-03-01
end_date: 2013-03-01
initial_capital: 1000
`;

/** @param {{place: import("../app/address.js").Place}} given */
export function New({ place }) {
  const [text, setText] = useState("");
  const [options, setOptions] = useState({ name: "", engine: "", most: "" });
  const [outcome, setOutcome] = useState(/** @type {{preview?: any, error?: ApiError}|null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const words = useFollowUp(place, setText);
  const draft = useMemo(() => tryDraft(text), [text]);
  const change = (/** @type {string} */ next) => {
    setText(next);
    setOutcome(null);
  };
  const send = async (/** @type {boolean} */ isDry) => {
    setBusy(true);
    setOutcome(await run(text, options, isDry));
    setBusy(false);
  };
  return html`<main class="stack">
    <h1>New batch</h1>
    ${words && html`<p class="note">${words}</p>`}
    <div class="columns">
      <section class="near">
        <label class="field"><span>A config, an OptimizationBatch manifest, or the spec of one (YAML or JSON)</span>
          <textarea class="code" rows="22" spellcheck="false" data-search value=${text} onInput=${(/** @type {any} */ event) => change(event.target.value)}></textarea></label>
        <div class="row"><button class="bare" onClick=${() => change(EXAMPLE)}>Fill in an example</button>
          ${text && html`<span class=${draft.problem ? "bad" : "quiet"}>${draft.problem ? `✕ ${draft.problem}` : `This is ${draft.kind}.`}</span>`}</div>
      </section>
      <section class="stack">
        <${Options} options=${options} setOptions=${setOptions} isConfig=${draft.kind === "a config"} />
        <div class="row">
          <button disabled=${isBusy || !text || draft.problem} onClick=${() => send(true)}>Check it (dry run)</button>
          <button class="first" disabled=${isBusy || !text || draft.problem || !outcome?.preview} onClick=${() => send(false)} title="After a dry run">Start it</button>
        </div>
        <div aria-live="polite" class="stack">${outcome?.preview && html`<${Preview} preview=${outcome.preview} />`}<${Trouble} error=${outcome?.error ?? null} />
          ${outcome?.error?.isTemporary && html`<p class="note bad">${outcome.error.message}</p>`}</div>
      </section>
    </div>
  </main>`;
}

/** @param {string} text */
function tryDraft(text) {
  try {
    return { kind: text ? readDraft(text).kind : "", problem: "" };
  } catch (error) {
    return { kind: "", problem: /** @type {Error} */ (error).message };
  }
}

/** @param {string} text @param {{name: string, engine: string, most: string}} options @param {boolean} isDry */
async function run(text, options, isDry) {
  const { kind, ...draft } = readDraft(text);
  const given = { ...draft, name: options.name || draft.name, engine: draft.config ? options.engine || undefined : undefined };
  const body = { ...given, max_concurrent: options.most ? Number(options.most) : undefined, dry_run: isDry };
  try {
    const answer = await write("POST", RUN, body, askToken);
    if (isDry) return { preview: answer };
    go(linkTo({ view: "batch", batch: answer.batch_id, tab: "live" }));
    return null;
  } catch (error) {
    return { error: error instanceof ApiError ? error : new ApiError(500, String(error)) };
  }
}

/** Fills in the spec of an earlier batch, narrowed to the filter or moved beyond an edge.
 * @param {import("../app/address.js").Place} place @param {(text: string) => void} setText */
function useFollowUp(place, setText) {
  const { from, beyond: past } = place.query;
  const { data } = useLoad(from ? `api/optimization/batches/${encodeURIComponent(from)}` : null);
  const conditions = readFilter(place.query).parameters;
  useEffect(() => {
    if (!data) return;
    const [name, edge] = (past ?? "").split(":");
    const spec = past ? beyond(data.spec, name, edge) : narrowed(data.spec, conditions);
    setText(`${JSON.stringify(spec, null, 2)}\n`);
  }, [data]);
  if (!data) return "";
  if (past) return `From ${data.name}, with values of ${past.split(":")[0]} beyond its ${past.split(":")[1]} end.`;
  return conditions.length ? `From ${data.name}, narrowed to ${conditions.map(inWords).join(", ")}.` : `From ${data.name}, with the same parameters.`;
}

/** @param {any} given */
function Options({ options, setOptions, isConfig }) {
  const set = (/** @type {string} */ key) => (/** @type {any} */ event) => setOptions({ ...options, [key]: event.target.value });
  return html`<div class="row end">
    <label class="field"><span>Name (optional)</span><input value=${options.name} onInput=${set("name")} /></label>
    <label class="field"><span>Jobs at once (optional)</span><input class="number" type="number" min="1" max="256" value=${options.most} onInput=${set("most")} /></label>
    ${isConfig && html`<label class="field"><span>Engine</span><select value=${options.engine} onChange=${set("engine")}><option value="">as the config says</option><option value="bars">bars</option><option value="lean">lean</option></select></label>`}
  </div>`;
}

/** @param {any} given */
function Preview({ preview }) {
  const text = (/** @type {any} */ one) => (one ? Object.entries(one.parameters.texts).map(([name, value]) => `${name} ${value}`).join(", ") : "not known");
  return html`<section class="note near"><h2>It would run ${preview.total == null ? "an unknown number of" : count(preview.total)} backtests</h2>
    <${Figures} figures=${[["Jobs at once", preview.max_concurrent], ["Combinations", count(preview.combinations)], ["Estimated time", preview.estimate ? duration(preview.estimate.seconds) : "not known"]]} />
    <${Pairs} pairs=${[["First", text(preview.first)], ["Last", text(preview.last)], ["Estimate from", preview.estimate ? `${count(preview.estimate.backtests)} backtests of ${duration(preview.estimate.seconds_per_backtest)} each` : "no recent backtests of this strategy"]]} />
    ${preview.warnings.map((/** @type {string} */ each) => html`<p class="note bad">${each}</p>`)}
  </section>`;
}

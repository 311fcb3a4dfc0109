/** What a person may change of a live batch: suspend, resume, how many Jobs at once, cancel. */
import { html, useState } from "../app/html.js";
import { write } from "../app/api.js";
import { askToken, confirm } from "../app/ask.js";
import { refresh } from "../app/live.js";

/** Sends a change, and shows what came of it. @returns {[any, (method: string, path: string, body: unknown) => Promise<any>, boolean]} */
export function useChange() {
  const [outcome, setOutcome] = useState(/** @type {{text: string, isBad: boolean}|null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const send = async (/** @type {string} */ method, /** @type {string} */ path, /** @type {unknown} */ body) => {
    setBusy(true);
    try {
      const answer = await write(method, path, body, askToken);
      setOutcome({ text: answer.message ?? "done", isBad: false });
      refresh(path);
      return answer;
    } catch (error) {
      setOutcome({ text: /** @type {Error} */ (error).message, isBad: true });
      return null;
    } finally {
      setBusy(false);
    }
  };
  const shown = outcome && html`<p class="note ${outcome.isBad ? "bad" : "good"}" role="status">${outcome.text}</p>`;
  return [shown, send, isBusy];
}

/** @param {{batch: any, path: string}} given */
export function Actions({ batch, path }) {
  const [outcome, send, isBusy] = useChange();
  const [most, setMost] = useState(String(batch.max_concurrent));
  const isSuspended = batch.state === "suspended";
  const cancel = async () => {
    const reason = `Cancel ${batch.name}? Running backtests are deleted and all others never run. Results stay. This cannot be undone.`;
    if (await confirm(reason, "Cancel the batch")) send("DELETE", path, undefined);
  };
  return html`<section class="near" aria-label="Actions">
    <div class="row end">
      <button disabled=${isBusy} onClick=${() => send("PATCH", path, { suspend: !isSuspended })}>${isSuspended ? "Resume" : "Suspend"}</button>
      <form class="row end" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); send("PATCH", path, { maxConcurrent: Number(most) }); }}>
        <label class="field"><span>Jobs at once</span>
          <input class="number" type="number" min="1" max="256" value=${most} onInput=${(/** @type {any} */ event) => setMost(event.target.value)} /></label>
        <button disabled=${isBusy || most === String(batch.max_concurrent)}>Set</button>
      </form>
      <button disabled=${isBusy} onClick=${cancel}>Cancel the batch</button>
    </div>
    ${outcome}
  </section>`;
}

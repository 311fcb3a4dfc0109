/** Small parts that several views share. */
import { html, useEffect, useRef } from "./html.js";
import { count } from "./format.js";

/** @type {Record<string, [string, string, string]>} shape, word and kind of each state */
const STATES = {
  pending: ["○", "Pending", "quiet"],
  counting: ["◐", "Counting", "quiet"],
  queued: ["○", "Queued", "quiet"],
  launching: ["◔", "Launching", ""],
  running: ["●", "Running", ""],
  suspended: ["‖", "Suspended", "quiet"],
  complete: ["✓", "Complete", "good"],
  succeeded: ["✓", "Succeeded", "good"],
  failed: ["✕", "Failed", "bad"],
  cancelled: ["⊘", "Cancelled", "quiet"],
};

/** A state as word, shape and colour. @param {{state: string}} given */
export function State({ state }) {
  const [shape, word, kind] = STATES[state] ?? ["·", state, ""];
  return html`<span class="state ${kind}"><span class="shape" aria-hidden="true">${shape}</span>${word}</span>`;
}

/** @param {{passed: boolean|null, rejections?: string[]}} given */
export function Verdict({ passed, rejections = [] }) {
  if (passed == null) return html`<span class="quiet">no result</span>`;
  if (passed) return html`<span class="good">✓ passes</span>`;
  return html`<span class="bad">✕ ${rejections.length ? rejections.map((each) => each.replaceAll("_", " ")).join(", ") : "does not pass"}</span>`;
}

/** @param {{counts: any, isThin?: boolean}} given */
export function Progress({ counts, isThin }) {
  const total = counts.total || 1;
  const share = (/** @type {number} */ number) => ({ width: `${(100 * number) / total}%` });
  const words = `${count(counts.succeeded)} succeeded, ${count(counts.failed)} failed, ${count(counts.active)} running of ${count(counts.total)}`;
  return html`<div class="bar ${isThin ? "thin" : ""}" role="img" aria-label=${words} title=${words}>
    <div class="done" style=${share(counts.succeeded)}></div>
    <div class="failed" style=${share(counts.failed)}></div>
    <div class="active" style=${share(counts.active)}></div>
  </div>`;
}

/** What an error says, with its fields. @param {{error: import("./api.js").ApiError|null}} given */
export function Trouble({ error }) {
  if (!error || error.isTemporary) return null;
  const fields = error.errors ?? [];
  return html`<div class="note bad near" role="alert">
    <p>${error.message}</p>
    ${fields.length > 1 && html`<ul class="near">${fields.map((each) => html`<li><code>${each.field}</code> ${each.problem}${each.hint ? `. ${each.hint}` : ""}</li>`)}</ul>`}
  </div>`;
}

/** @param {{isOld?: boolean, children?: any}} given */
export function Waiting({ children }) {
  return html`<p class="quiet" role="status">${children ?? "Loading…"}</p>`;
}

/** A dialog that is open while it is rendered. @param {{title: string, onClose: () => void, children: any}} given */
export function Dialog({ title, onClose, children }) {
  const element = useRef(/** @type {HTMLDialogElement|null} */ (null));
  useEffect(() => element.current?.showModal(), []);
  return html`<dialog ref=${element} aria-label=${title} onClose=${onClose} onCancel=${onClose}>
    <div class="stack"><h2>${title}</h2>${children}</div>
  </dialog>`;
}

/** @param {{pairs: [string, any][]}} given */
export function Pairs({ pairs }) {
  return html`<dl class="pairs">${pairs.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** @param {{figures: [string, any][]}} given */
export function Figures({ figures }) {
  return html`<dl class="figures">${figures.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** Gives text to the person as a file. @param {string} name @param {string} text */
export function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

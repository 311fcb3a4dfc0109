/** Asks a person for the token, or to confirm, in a dialog. One question at a time. */
import { html, useEffect, useState } from "./html.js";
import { Dialog } from "./parts.js";

/** @typedef {{kind: "token"|"confirm", reason: string, action?: string, answer: (value: any) => void}} Question */
/** @type {(question: Question|null) => void} */
let show = () => {};

/** @param {string} reason @returns {Promise<string|null>} */
export function askToken(reason) {
  return new Promise((answer) => show({ kind: "token", reason, answer }));
}

/** @param {string} reason @param {string} action the word of the button @returns {Promise<boolean>} */
export function confirm(reason, action) {
  return new Promise((answer) => show({ kind: "confirm", reason, action, answer }));
}

export function Questions() {
  const [question, setQuestion] = useState(/** @type {Question|null} */ (null));
  useEffect(() => {
    show = setQuestion;
  }, []);
  if (!question) return null;
  const close = (/** @type {any} */ value) => {
    setQuestion(null);
    question.answer(value);
  };
  return question.kind === "token"
    ? html`<${TokenQuestion} question=${question} close=${close} />`
    : html`<${Dialog} title=${question.action} onClose=${() => close(false)}>
        <p>${question.reason}</p>
        <div class="row">
          <button class="first" onClick=${() => close(true)}>${question.action}</button>
          <button onClick=${() => close(false)}>Go back</button>
        </div>
      <//>`;
}

/** @param {{question: Question, close: (value: string|null) => void}} given */
function TokenQuestion({ question, close }) {
  const [token, setToken] = useState("");
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    close(token.trim());
  };
  return html`<${Dialog} title="Writing needs a token" onClose=${() => close(null)}>
    <form class="stack" onSubmit=${submit}>
      <p>${/^writing needs/.test(question.reason) ? "To change something, give the token of this API." : `It was refused: ${question.reason}.`}</p>
      <label class="field"><span>Token</span>
        <input type="password" autocomplete="off" value=${token} onInput=${(/** @type {any} */ event) => setToken(event.target.value)} required />
      </label>
      <p class="quiet small">It is kept in this tab until the tab is closed, and never in an address. In the chart, a Secret has it: see docs/rest.md, Writing.</p>
      <div class="row"><button class="first">Use the token</button><button type="button" onClick=${() => close(null)}>Go back</button></div>
    </form>
  <//>`;
}

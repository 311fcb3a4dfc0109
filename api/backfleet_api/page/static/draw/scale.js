/** The legend of colours: from bad to good, with the values at both ends and in the middle. */
import { html, useLayoutEffect, useRef } from "../app/html.js";
import { TABLE } from "./colours.js";

/** @param {{bounds: Float32Array, isHighGood: boolean, text: (value: number) => string}} given */
export function Scale({ bounds, isHighGood, text }) {
  const canvas = useRef(/** @type {HTMLCanvasElement|null} */ (null));
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    for (let step = 0; step < 256; step += 1) {
      const at = (isHighGood ? step : 255 - step) * 3;
      context.fillStyle = `rgb(${TABLE[at]} ${TABLE[at + 1]} ${TABLE[at + 2]})`;
      context.fillRect(step, 0, 1, 1);
    }
  }, [isHighGood]);
  if (Number.isNaN(bounds[0])) return null;
  return html`<div class="scale" title="Each colour has as many cells">
    <span>${text(bounds[0])}</span><canvas ref=${canvas} width="256" height="1" aria-hidden="true"></canvas><span>${text(bounds[255])}</span>
    <span>median ${text(bounds[128])} · teal is better · hatched: no result</span>
  </div>`;
}

/** A heat map on canvas: hatched where there is no result, the best ringed, a cell chosen by mouse or arrow keys. */
import { html, useLayoutEffect, useRef } from "../app/html.js";
import { axisText, ticks } from "./axis.js";
import { pixels } from "./colours.js";

/** @typedef {{width: number, height: number, x: any, y: any, xBin: number, yBin: number, values: Float32Array}} MapData */
/** @typedef {{map: MapData, bounds: Float32Array, isHighGood: boolean, theme: any, height: number, best: [number, number]|null,
 *   chosen: [number, number]|null, onChoose: (cell: [number, number]) => void, label: string, isSmall?: boolean}} Given */

/** @param {Given} given */
export function MapCanvas(given) {
  const { map, chosen } = given;
  const canvas = useRef(/** @type {HTMLCanvasElement|null} */ (null));
  useLayoutEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const repaint = () => draw(element, given);
    repaint();
    const sizes = new ResizeObserver(repaint);
    sizes.observe(element);
    return () => sizes.disconnect();
  }, [map, given.bounds, given.isHighGood, given.theme, given.best?.join(), chosen?.join(), given.height]);
  const click = (/** @type {MouseEvent} */ event) => {
    const box = /** @type {HTMLCanvasElement} */ (canvas.current).getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * map.width);
    const row = map.height - 1 - Math.floor(((event.clientY - box.top) / box.height) * map.height);
    given.onChoose(clamp(map, column, row));
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const [column, row] = chosen ?? given.best ?? [0, 0];
    given.onChoose(clamp(map, column + step[0], row + step[1]));
  };
  const xTicks = ticks(map.width, given.isSmall ? 3 : 10);
  const yTicks = ticks(map.height, given.isSmall ? 3 : 10);
  const yTexts = yTicks.map((at) => axisText(map.y, at * map.yBin));
  const wide = Math.max(1, ...yTexts.map((text) => text.length));
  return html`<div class="map">
    <div class="y" style=${{ position: "relative", width: `${wide + 1}ch` }} aria-hidden="true">
      ${yTicks.map((at, position) => html`<span style=${{ position: "absolute", right: "0", bottom: `${((at + 0.5) / map.height) * 100}%`, transform: "translateY(50%)" }}>${yTexts[position]}</span>`)}
    </div>
    <canvas ref=${canvas} role="img" tabindex="0" aria-label=${given.label} style=${{ height: `${given.height}px` }} onClick=${click} onKeyDown=${press}></canvas>
    <div class="x" style=${{ position: "relative", height: "18px" }} aria-hidden="true">
      ${xTicks.map((at) => html`<span style=${{ position: "absolute", left: `${((at + 0.5) / map.width) * 100}%`, transform: "translateX(-50%)" }}>${axisText(map.x, at * map.xBin)}</span>`)}
    </div>
  </div>`;
}

/** @param {MapData} map @param {number} column @param {number} row @returns {[number, number]} */
function clamp(map, column, row) {
  return [Math.max(0, Math.min(map.width - 1, column)), Math.max(0, Math.min(map.height - 1, row))];
}

/** @param {HTMLCanvasElement} canvas @param {Given} given */
function draw(canvas, given) {
  const { map } = given;
  const scale = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  const context = canvas.getContext("2d");
  if (!width || !height || !context) return;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  hatch(context, width, height, scale);
  const image = new OffscreenCanvas(map.width, map.height);
  image.getContext("2d")?.putImageData(new ImageData(pixels(map.values, map.width, map.height, given.isHighGood, given.bounds), map.width, map.height), 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, width, height);
  if (given.best) outline(context, given, given.best, scale, true);
  if (given.chosen) outline(context, given, given.chosen, scale, false);
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height @param {number} scale */
function hatch(context, width, height, scale) {
  const style = getComputedStyle(document.documentElement);
  context.fillStyle = style.getPropertyValue("--grey1");
  context.fillRect(0, 0, width, height);
  context.strokeStyle = style.getPropertyValue("--grey3");
  context.lineWidth = scale * 0.6;
  context.beginPath();
  for (let at = -height; at < width; at += 7 * scale) {
    context.moveTo(at, height);
    context.lineTo(at + height, 0);
  }
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {Given} given @param {[number, number]} cell @param {number} scale @param {boolean} isRing */
function outline(context, given, [column, row], scale, isRing) {
  const wide = context.canvas.width / given.map.width;
  const tall = context.canvas.height / given.map.height;
  const left = column * wide;
  const top = (given.map.height - 1 - row) * tall;
  const path = () => {
    context.beginPath();
    if (isRing) context.arc(left + wide / 2, top + tall / 2, Math.max(5 * scale, Math.min(wide, tall) / 3), 0, 7);
    else context.rect(left, top, wide, tall);
  };
  for (const [colour, size] of [["#ffffff", 4], ["#111111", 2]]) {
    context.strokeStyle = String(colour);
    context.lineWidth = Number(size) * scale;
    path();
    context.stroke();
  }
}

/** One scale from bad to good: brown to teal, which people with any colour blindness tell apart. By quantiles, so that one
 * extreme value does not wash out the rest. */

const STOPS = ["543005", "8c510a", "bf812d", "dfc27d", "f6e8c3", "f5f5f5", "c7eae5", "80cdc1", "35978f", "01665e", "003c30"];
const STEPS = 256;
const MOST_SAMPLES = 20_000;

/** Colours from bad to good, three numbers each. @returns {Uint8Array} */
function buildTable() {
  const table = new Uint8Array(STEPS * 3);
  for (let step = 0; step < STEPS; step += 1) {
    const place = (step / (STEPS - 1)) * (STOPS.length - 1);
    const at = Math.min(STOPS.length - 2, Math.floor(place));
    for (let part = 0; part < 3; part += 1) {
      const [from, to] = [STOPS[at], STOPS[at + 1]].map((stop) => parseInt(stop.slice(2 * part, 2 * part + 2), 16));
      table[step * 3 + part] = Math.round(from + (to - from) * (place - at));
    }
  }
  return table;
}

export const TABLE = buildTable();

/** The bounds between the colours: each colour has as many values. @param {Float32Array} values @returns {Float32Array} */
export function quantiles(values) {
  const step = Math.max(1, Math.ceil(values.length / MOST_SAMPLES));
  const sample = [];
  for (let at = 0; at < values.length; at += step) if (!Number.isNaN(values[at])) sample.push(values[at]);
  const ordered = Float32Array.from(sample).sort();
  const bounds = new Float32Array(STEPS);
  if (!ordered.length) return bounds.fill(NaN);
  for (let at = 0; at < STEPS; at += 1) bounds[at] = ordered[Math.floor((at / (STEPS - 1)) * (ordered.length - 1))];
  return bounds;
}

/** The position of a value's colour, from 0 to 255. Equal values have the middle of their colours.
 * @param {Float32Array} bounds @param {number} value */
export function stepOf(bounds, value) {
  return (search(bounds, value, false) + search(bounds, value, true) - 1) >> 1;
}

/** @param {Float32Array} bounds @param {number} value @param {boolean} isAfter */
function search(bounds, value, isAfter) {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bounds[middle] < value || (isAfter && bounds[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The pixels of a map, the first row at the bottom. Cells without a value are transparent.
 * @param {Float32Array} values @param {number} width @param {number} height @param {boolean} isHighGood @param {Float32Array} bounds
 * @returns {Uint8ClampedArray<ArrayBuffer>} */
export function pixels(values, width, height, isHighGood, bounds) {
  const out = new Uint8ClampedArray(width * height * 4);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const value = values[row * width + column];
      if (Number.isNaN(value)) continue;
      const step = Math.max(0, Math.min(STEPS - 1, stepOf(bounds, value)));
      const colour = (isHighGood ? step : STEPS - 1 - step) * 3;
      const at = ((height - 1 - row) * width + column) * 4;
      out[at] = TABLE[colour];
      out[at + 1] = TABLE[colour + 1];
      out[at + 2] = TABLE[colour + 2];
      out[at + 3] = 255;
    }
  }
  return out;
}

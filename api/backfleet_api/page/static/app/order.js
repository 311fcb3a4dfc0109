/** Sorts rows of columns fast: 100,000 in some milliseconds, without a comparison function. */

const ROWS = 2 ** 20;
const bits = new DataView(new ArrayBuffer(4));

/** A number's place among all float32 numbers, as an integer of 32 bits. @param {number} value */
function rankOf(value) {
  bits.setFloat32(0, value);
  const raw = bits.getUint32(0);
  return raw & 0x80000000 ? ~raw >>> 0 : (raw | 0x80000000) >>> 0;
}

/** The rows in the order of a column. Rows without a number come last in either direction, and ties go by row.
 * @param {Uint32Array} rows below 2^20 @param {Float32Array|Int32Array} data @param {boolean} isDown @returns {Uint32Array} */
export function sorted(rows, data, isDown) {
  const keys = new Float64Array(rows.length);
  for (let at = 0; at < rows.length; at += 1) {
    const value = data[rows[at]];
    const rank = Number.isNaN(value) ? 0xffffffff : isDown ? 0xfffffffe - rankOf(value) : rankOf(value);
    keys[at] = rank * ROWS + rows[at];
  }
  keys.sort();
  return Uint32Array.from(keys, (key) => key % ROWS);
}

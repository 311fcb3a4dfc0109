/** Reads the binary answers of the API: the length of a JSON header, the header, then blocks of four-byte numbers. */

/** @param {ArrayBuffer} buffer @returns {{header: any, start: number}} */
function readHeader(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { header, start: 4 + length };
}

/** @param {ArrayBuffer} buffer @returns {import("./filter.js").Columns & {next: string|null}} */
export function readColumns(buffer) {
  const { header, start } = readHeader(buffer);
  const columns = header.columns.map((/** @type {any} */ each, /** @type {number} */ position) => {
    const Kind = each.dtype === "int32" ? Int32Array : Float32Array;
    return { ...each, data: new Kind(buffer, start + 4 * header.rows * position, header.rows) };
  });
  const by = new Map(columns.map((/** @type {any} */ each) => [`${each.kind}:${each.name}`, each]));
  return { rows: header.rows, columns, by, next: header.next_cursor };
}

/** @param {ArrayBuffer} buffer @returns {{header: any, layers: Record<string, Float32Array>}} */
export function readHeatMap(buffer) {
  const { header, start } = readHeader(buffer);
  const size = header.width * header.height;
  const layers = Object.fromEntries(
    header.layers.map((/** @type {string} */ name, /** @type {number} */ position) => [
      name,
      new Float32Array(buffer, start + 4 * size * position, size),
    ]),
  );
  return { header, layers };
}

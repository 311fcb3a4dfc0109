/** The values of a heat map's axis as texts, and which of them to write. */

/** @param {{values?: string[], range?: {start: string, step: string, count: number}}} axis @param {number} position */
export function axisText(axis, position) {
  if (axis.values) return axis.values[position] ?? "";
  if (!axis.range) return "";
  return String(Number((Number(axis.range.start) + Number(axis.range.step) * position).toPrecision(12)));
}

/** @param {{values?: string[], range?: {count: number}}} axis */
export function axisCount(axis) {
  return axis.values ? axis.values.length : (axis.range?.count ?? 0);
}

/** Cells to write the value of: all, or some at equal distances. @param {number} cells @param {number} most @returns {number[]} */
export function ticks(cells, most) {
  const step = Math.ceil(cells / most);
  return Array.from({ length: Math.ceil(cells / step) }, (_, tick) => tick * step);
}

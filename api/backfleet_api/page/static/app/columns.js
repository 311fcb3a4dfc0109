/** What views read from columns: values that a parameter has, texts of cells, and how many results criteria would pass. */
import { plain } from "./format.js";

/** @typedef {import("./filter.js").Column} Column */
/** @typedef {import("./filter.js").Columns} Columns */

/** @param {Columns} columns @returns {Column[]} */
export function parametersOf(columns) {
  return columns.columns.filter((each) => each.kind === "parameter");
}

/** The different values of a parameter in the results, ascending; positions for texts. @param {Column} column @returns {number[]} */
export function valuesOf(column) {
  return [...new Set(column.data)].filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
}

/** @param {Column} column @param {number} value */
export function valueText(column, value) {
  return column.values ? (column.values[value] ?? "") : plain(value);
}

/** @param {Column} column @param {Uint32Array} rows @returns {[number, number]|null} lowest and highest */
export function extent(column, rows) {
  let low = Infinity;
  let high = -Infinity;
  for (const row of rows) {
    const value = column.data[row];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** How many of the rows would meet criteria. An absent metric does not meet its criterion.
 * @param {Columns} columns @param {Uint32Array} rows @param {{metric: string, is_floor: boolean, bound: number}[]} criteria */
export function countPassing(columns, rows, criteria) {
  const tests = criteria.map((each) => ({ ...each, data: columns.by.get(`metric:${each.metric}`)?.data, limit: Math.fround(each.bound) }));
  let count = 0;
  for (const row of rows) {
    if (tests.every(({ data, is_floor, limit }) => data && (is_floor ? data[row] >= limit : data[row] <= limit))) count += 1;
  }
  return count;
}

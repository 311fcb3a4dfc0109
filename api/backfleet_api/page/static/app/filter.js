/** The filter of results: its text in the address, the query of the API, and the rows of columns that it keeps. */

/**
 * @typedef {{name: string, op: string, value: string}} Condition value of a parameter may be several, with | between them
 * @typedef {{passed: boolean, rejection: string, metrics: Condition[], parameters: Condition[]}} Filter
 * @typedef {{name: string, kind: string, values: string[]|null, data: Float32Array|Int32Array}} Column
 * @typedef {{rows: number, columns: Column[], by: Map<string, Column>}} Columns
 */

const CONDITION = /^([^<>=]+)(>=|<=|>|<|=)(.+)$/s;

/** @type {Record<string, (a: number, b: number) => boolean>} */
const COMPARE = {
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
  "=": (a, b) => a === b,
};

/** @param {Record<string, string>} query @returns {Filter} */
export function readFilter(query) {
  return {
    passed: query.passed === "true",
    rejection: query.rejection ?? "",
    metrics: readConditions(query.metrics),
    parameters: readConditions(query.parameters),
  };
}

/** @param {Filter} filter @returns {Record<string, string>} empty texts for what is not set, so that it leaves the address */
export function writeFilter(filter) {
  return {
    passed: filter.passed ? "true" : "",
    rejection: filter.rejection,
    metrics: writeConditions(filter.metrics),
    parameters: writeConditions(filter.parameters),
  };
}

/** The query of the API for the same filter. @param {Filter} filter */
export function apiFilter(filter) {
  return Object.fromEntries(Object.entries(writeFilter(filter)).filter(([, value]) => value));
}

/** @param {Filter} filter */
export function isEmpty(filter) {
  return Object.keys(apiFilter(filter)).length === 0;
}

/** Replaces what the filter says of one metric or parameter.
 * @param {Filter} filter @param {"metrics"|"parameters"} kind @param {string} name @param {Condition[]} conditions
 * @returns {Filter} */
export function replaceConditions(filter, kind, name, conditions) {
  return { ...filter, [kind]: [...filter[kind].filter((each) => each.name !== name), ...conditions] };
}

/** The rows that the filter keeps. A condition on what the columns do not have keeps nothing.
 * @param {Columns} columns @param {Filter} filter @returns {Uint32Array} */
export function rowsOf(columns, filter) {
  const tests = [];
  const passed = columns.by.get("passed:passed");
  if (filter.passed && passed) tests.push((/** @type {number} */ row) => passed.data[row] === 1);
  for (const each of filter.metrics) tests.push(test(columns.by.get(`metric:${each.name}`), each));
  for (const each of filter.parameters) tests.push(test(columns.by.get(`parameter:${each.name}`), each));
  const kept = new Uint32Array(columns.rows);
  let count = 0;
  for (let row = 0; row < columns.rows; row += 1) {
    if (tests.every((keeps) => keeps(row))) kept[count++] = row;
  }
  return kept.subarray(0, count);
}

/** Whether one result meets the filter, from its JSON. @param {Filter} filter
 * @param {{passed?: boolean, rejections?: string[], metrics: Record<string, number|null>}} result
 * @param {Record<string, unknown>} values its parameters @param {boolean} [isSameBatch] */
export function meets(filter, result, values, isSameBatch = true) {
  if (filter.passed && result.passed === false) return false;
  if (filter.rejection && !(result.rejections ?? []).includes(filter.rejection)) return false;
  const numbers = filter.metrics.every((each) => {
    const value = result.metrics[each.name];
    return value != null && COMPARE[each.op](value, Number(each.value));
  });
  if (!numbers || !isSameBatch) return numbers;
  return filter.parameters.every((each) => {
    const value = values[each.name];
    if (each.op === "=") return each.value.split("|").some((text) => sameValue(decodePart(text), value));
    return typeof value === "number" && COMPARE[each.op](value, Number(each.value));
  });
}

/** @param {Condition} condition */
export function inWords(condition) {
  const sign = { ">=": "≥", "<=": "≤", ">": ">", "<": "<", "=": "is" }[condition.op];
  return `${condition.name} ${sign} ${condition.value.split("|").map(decodePart).join(" or ")}`;
}

/** A text as a value of a condition: its separators are escaped. @param {string} text */
export function escapePart(text) {
  return text.replace(/[,|%]|[^ -~]/gu, (found) => encodeURIComponent(found).replace(/^,$/, "%2C").replace(/^\|$/, "%7C"));
}

/** @param {string} text */
export function decodePart(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string|undefined} text @returns {Condition[]} */
function readConditions(text) {
  if (!text) return [];
  return text.split(",").flatMap((part) => {
    const found = CONDITION.exec(part);
    return found ? [{ name: found[1], op: found[2], value: found[3] }] : [];
  });
}

/** @param {Condition[]} conditions */
function writeConditions(conditions) {
  return conditions.map((each) => `${each.name}${each.op}${each.value}`).join(",");
}

/** @param {Column|undefined} column @param {Condition} condition @returns {(row: number) => boolean} */
function test(column, condition) {
  if (!column) return () => false;
  const { data, values } = column;
  if (values) {
    const wanted = new Set(condition.value.split("|").map((text) => values.indexOf(decodePart(text))));
    return (row) => wanted.has(data[row]);
  }
  // Columns are float32: a bound is rounded in the same way, so that 0.01 equals 0.01.
  const bounds = condition.value.split("|").map((text) => Math.fround(Number(text)));
  const compare = COMPARE[condition.op];
  return bounds.length === 1 ? (row) => compare(data[row], bounds[0]) : (row) => bounds.includes(data[row]);
}

/** @param {string} text @param {unknown} value */
function sameValue(text, value) {
  return typeof value === "number" ? Number(text) === value : String(value) === text;
}

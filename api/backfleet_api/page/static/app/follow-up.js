/** The spec of the next search: what the filter keeps of the parameters, or the values beyond an edge. */

/** @typedef {import("./filter.js").Condition} Condition */

const COMPARE = {
  ">=": (/** @type {number} */ a, /** @type {number} */ b) => a >= b,
  "<=": (/** @type {number} */ a, /** @type {number} */ b) => a <= b,
  ">": (/** @type {number} */ a, /** @type {number} */ b) => a > b,
  "<": (/** @type {number} */ a, /** @type {number} */ b) => a < b,
};

/** @param {any} spec @param {Condition[]} conditions @returns {any} a new spec with fewer values */
export function narrowed(spec, conditions) {
  return change(spec, (parameter) => {
    const mine = conditions.filter((each) => each.name === parameter.name);
    const values = valuesOf(parameter);
    if (!mine.length || !values) return parameter;
    const kept = values.filter((value) => mine.every((each) => isMet(each, value)));
    return kept.length ? withValues(parameter, kept) : parameter;
  });
}

/** Goes on beyond an end of a range, by half of its steps and at least three. @param {any} spec @param {string} name @param {string} edge
 * @returns {any} */
export function beyond(spec, name, edge) {
  return change(spec, (parameter) => {
    if (parameter.name !== name || !parameter.range) return parameter;
    const { step } = parameter.range;
    const values = /** @type {number[]} */ (valuesOf(parameter));
    const more = Math.max(3, Math.ceil(values.length / 2));
    const isUp = edge === "high";
    const from = isUp === Number(step) > 0 ? values[values.length - 1] : values[0];
    const sign = isUp === Number(step) > 0 ? 1 : -1;
    // One value is known: the edge itself, which ties the two searches together.
    const list = Array.from({ length: more + 1 }, (_, at) => exact(from + sign * at * Number(step)));
    return withValues(parameter, sign > 0 ? list : list.reverse());
  });
}

/** @param {any} parameter @returns {any[]|null} */
function valuesOf(parameter) {
  if (parameter.values) return parameter.values;
  if (!parameter.range) return null;
  const [start, end, step] = [parameter.range.start, parameter.range.end, parameter.range.step].map(Number);
  const count = Math.floor(exact((end - start) / step)) + 1;
  return Array.from({ length: Math.max(1, count) }, (_, at) => exact(start + step * at));
}

/** @param {any} parameter @param {any[]} values */
function withValues(parameter, values) {
  const { range, values: before, ...rest } = parameter;
  if (!range) return { ...rest, values };
  const step = Number(range.step);
  const isWhole = values.every((value, at) => at === 0 || exact(value - values[at - 1]) === exact(step));
  return isWhole && values.length > 1 ? { ...rest, range: { ...range, start: values[0], end: values[values.length - 1] } } : { ...rest, values };
}

/** @param {Condition} condition @param {any} value */
function isMet(condition, value) {
  if (condition.op === "=") return condition.value.split("|").some((text) => decodeURIComponent(text) === String(value) || Number(text) === value);
  return COMPARE[/** @type {">="} */ (condition.op)](Number(value), Number(condition.value));
}

/** @param {any} spec @param {(parameter: any) => any} each */
function change(spec, each) {
  const { cancel, suspend, ...rest } = spec;
  return { ...rest, parameters: (spec.parameters ?? []).map(each) };
}

/** @param {number} value */
function exact(value) {
  return Number(value.toPrecision(12));
}

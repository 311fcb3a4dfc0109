/** Numbers and times as people read them. An absent value is a dash. */

export const ABSENT = "–";
/** @typedef {{name: string, unit: string, meaning: string, is_better_high: boolean}} Metric */

/** @param {number|null|undefined} value @param {string} [unit] */
export function figure(value, unit = "ratio") {
  if (value == null || Number.isNaN(value)) return ABSENT;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (unit === "count") return count(value);
  if (unit === "money") return minus(value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) >= 1000 ? 0 : 2 }));
  if (unit === "fraction") return minus(`${(value * 100).toFixed(Math.abs(value) >= 10 ? 0 : 1)} %`);
  return minus(value.toFixed(3));
}

/** @param {number|null|undefined} value */
export function count(value) {
  return value == null ? ABSENT : minus(Math.round(value).toLocaleString("en"));
}

/** A parameter's value from a float32 column: without the noise of its last digits. @param {number} value */
export function plain(value) {
  return Number.isNaN(value) ? ABSENT : String(Number(value.toPrecision(7)));
}

/** @param {string} name */
export function title(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60 ? `${whole % 60} s` : ""}`.trim();
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** @param {string|null} time @param {number} now in milliseconds */
export function age(time, now) {
  return time ? `${duration((now - Date.parse(time)) / 1000)} ago` : ABSENT;
}

/** @param {string|number|null} time */
export function clock(time) {
  return time == null ? ABSENT : new Date(time).toLocaleTimeString("en-GB");
}

/** @param {string|null} time */
export function moment(time) {
  if (!time) return ABSENT;
  const date = new Date(time);
  return `${date.toLocaleDateString("sv-SE")} ${date.toLocaleTimeString("en-GB")}`;
}

/** @param {string} text */
function minus(text) {
  return text.replace("-", "−");
}

/** Curves of equity: the fall from the last peak, and a common start for comparisons. */

/** @typedef {[number, number]} Point time in seconds, value */

/** @param {{date: string, equity: number}[]} curve @returns {Point[]} */
export function pointsOf(curve) {
  return curve.map((each) => [Date.parse(each.date) / 1000, each.equity]);
}

/** The fall below the highest equity so far, as a fraction of it: 0 or negative. @param {Point[]} points @returns {Point[]} */
export function underwater(points) {
  let peak = -Infinity;
  return points.map(([time, value]) => {
    peak = Math.max(peak, value);
    return [time, peak > 0 ? value / peak - 1 : 0];
  });
}

/** Growth since the first point: 1 is the start. @param {Point[]} points @returns {Point[]} */
export function growth(points) {
  const start = points[0]?.[1];
  return start ? points.map(([time, value]) => [time, value / start]) : [];
}

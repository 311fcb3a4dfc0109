/** The basket of Compare: ids of backtests in the address, so that it goes along from view to view. */

export const MOST = 8;

/** @param {Record<string, string>} query @returns {string[]} */
export function basketOf(query) {
  return (query.pick ?? "").split(",").filter(Boolean).slice(0, MOST);
}

/** The basket with the backtest put in, or taken out if it is there. A full basket loses its oldest.
 * @param {Record<string, string>} query @param {string} id */
export function toggled(query, id) {
  const ids = basketOf(query);
  const next = ids.includes(id) ? ids.filter((each) => each !== id) : [...ids, id].slice(-MOST);
  return next.join(",");
}

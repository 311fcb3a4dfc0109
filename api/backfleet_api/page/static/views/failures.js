/** Failed backtests by reason, the most frequent first. */

/** @typedef {{reason: string, count: number, attempts: number, message: string, examples: {id: string, index: number}[]}} FailureGroup */

/** @param {any[]} backtests @returns {FailureGroup[]} */
export function groupFailures(backtests) {
  /** @type {Map<string, FailureGroup>} */
  const groups = new Map();
  for (const each of backtests) {
    const reason = each.reason ?? "no reason";
    /** @type {FailureGroup} */
    const group = groups.get(reason) ?? { reason, count: 0, attempts: 0, message: each.message ?? "", examples: [] };
    group.count += 1;
    group.attempts += each.attempts;
    if (group.examples.length < 5) group.examples.push({ id: each.backtest_id, index: each.index });
    groups.set(reason, group);
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
}

-- Counts the results of a batch again, and finds the best one.
UPDATE optimization_batches b
SET succeeded = c.succeeded, passed = c.passed, stale_verdicts = c.stale,
    best_index = best.index, best_value = best.objective_value, best_parameters = best.parameters
FROM (
    SELECT count(*) AS succeeded, count(*) FILTER (WHERE r.passed) AS passed,
        count(*) FILTER (WHERE r.criteria_version < :criteria_version) AS stale
    FROM backtest_results r WHERE r.batch_uid = :uid
) c LEFT JOIN LATERAL (
    SELECT r.index, r.objective_value, j.parameters
    FROM backtest_results r JOIN backtest_jobs j ON j.id = r.backtest_id
    WHERE r.batch_uid = :uid AND r.objective_value IS NOT NULL
    ORDER BY r.rank_key, r.index LIMIT 1
) best ON true
WHERE b.uid = :uid

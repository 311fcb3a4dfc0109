-- Ends backtests as succeeded and inserts their results.
-- A succeeded or cancelled backtest never changes. A failed one may still succeed.
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS c (
        attempt_id text, backtest_id text, batch_uid text, engine_started_at timestamptz,
        recorded_at timestamptz, "index" int, objective_value double precision, rank_key double precision,
        passed boolean, rejections text[], criteria_version int, run text, metrics jsonb
    )
), settled AS (
    UPDATE backtest_jobs j
    SET state = 'succeeded', reason = NULL, message = NULL, finished_at = c.recorded_at,
        started_at = coalesce(c.engine_started_at, j.started_at)
    FROM change c
    WHERE j.id = c.backtest_id AND j.deciding_attempt_id = c.attempt_id AND j.state NOT IN ('succeeded', 'cancelled')
    RETURNING j.id
)
INSERT INTO backtest_results (
    backtest_id, batch_uid, attempt_id, index, objective_value, rank_key, passed, rejections, criteria_version,
    run, metrics, recorded_at)
SELECT
    c.backtest_id, c.batch_uid, c.attempt_id, c.index, c.objective_value, coalesce(c.rank_key, 'Infinity'), c.passed,
    c.rejections, c.criteria_version, c.run, c.metrics, c.recorded_at
FROM change c JOIN settled ON settled.id = c.backtest_id
ON CONFLICT (backtest_id) DO NOTHING

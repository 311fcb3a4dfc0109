-- Records what was observed of running backtests.
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS c (
        attempt_id text, backtest_id text, state text, engine_started_at timestamptz
    )
)
UPDATE backtest_jobs j
SET state = c.state, started_at = coalesce(c.engine_started_at, j.started_at)
FROM change c
WHERE j.id = c.backtest_id AND j.deciding_attempt_id = c.attempt_id AND j.state IN ('launching', 'running')
    AND (j.state, j.started_at) IS DISTINCT FROM (c.state, coalesce(c.engine_started_at, j.started_at))

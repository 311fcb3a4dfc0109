-- Records the state of the backtests of packs, and the start of those that begin with their engine.
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS c (pack_id text, state text, engine_started_at timestamptz)
), seen AS (
    SELECT a.attempt_id, a.backtest_id, c.state, CASE WHEN a.attempt_id = c.pack_id THEN c.engine_started_at END AS started_at
    FROM change c JOIN backtest_attempts a ON a.pack_id = c.pack_id
)
UPDATE backtest_jobs j
SET state = s.state, started_at = coalesce(s.started_at, j.started_at)
FROM seen s
WHERE j.id = s.backtest_id AND j.deciding_attempt_id = s.attempt_id AND j.state IN ('launching', 'running')
    AND (j.state, j.started_at) IS DISTINCT FROM (s.state, coalesce(s.started_at, j.started_at))

-- Ends backtests as failed, or queues them again.
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS c (
        attempt_id text, backtest_id text, engine_started_at timestamptz, state text, reason text,
        message text, charged int, uncharged int, pack_limit int
    )
)
UPDATE backtest_jobs j
SET state = c.state, reason = c.reason, message = c.message, charged = c.charged, uncharged = c.uncharged,
    pack_limit = c.pack_limit,
    started_at = coalesce(c.engine_started_at, j.started_at),
    finished_at = CASE WHEN c.state = 'queued' THEN NULL ELSE now() END
FROM change c
WHERE j.id = c.backtest_id AND j.deciding_attempt_id = c.attempt_id AND j.state IN ('launching', 'running')

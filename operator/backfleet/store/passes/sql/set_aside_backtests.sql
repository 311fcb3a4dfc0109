-- Queues backtests again whose warm run succeeded and does not count.
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS c (
        attempt_id text, backtest_id text, message text, pack_limit int, fingerprint text
    )
)
UPDATE backtest_jobs j
SET state = 'queued', reason = NULL, message = c.message, finished_at = NULL, pack_limit = c.pack_limit,
    warm_fingerprint = c.fingerprint
FROM change c
WHERE j.id = c.backtest_id AND j.deciding_attempt_id = c.attempt_id AND j.state NOT IN ('succeeded', 'cancelled')

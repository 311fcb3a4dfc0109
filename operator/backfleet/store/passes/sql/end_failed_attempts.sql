-- Ends the attempts that failed. One without an outcome stays open, since a late outcome may still arrive.
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS c (
        attempt_id text, exit_code int, engine_started_at timestamptz, engine_finished_at timestamptz,
        reason text, message text, is_charged boolean, is_open boolean
    )
)
UPDATE backtest_attempts a
SET is_open = c.is_open, ended_at = now(), reason = c.reason, message = c.message, is_charged = c.is_charged,
    exit_code = coalesce(c.exit_code, a.exit_code),
    engine_started_at = coalesce(c.engine_started_at, a.engine_started_at),
    engine_finished_at = coalesce(c.engine_finished_at, a.engine_finished_at)
FROM change c
WHERE a.attempt_id = c.attempt_id AND a.ended_at IS NULL

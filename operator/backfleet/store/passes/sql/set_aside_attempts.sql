-- Closes the warm attempts whose results do not count.
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS c (
        attempt_id text, exit_code int, engine_started_at timestamptz, engine_finished_at timestamptz, message text
    )
)
UPDATE backtest_attempts a
SET is_open = false, ended_at = coalesce(a.ended_at, now()), message = c.message,
    exit_code = coalesce(c.exit_code, a.exit_code),
    engine_started_at = coalesce(c.engine_started_at, a.engine_started_at),
    engine_finished_at = coalesce(c.engine_finished_at, a.engine_finished_at)
FROM change c
WHERE a.attempt_id = c.attempt_id AND a.is_open

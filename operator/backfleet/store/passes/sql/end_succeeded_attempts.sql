-- Closes the attempts whose outcome is a result. The outcome knows some columns better than what was observed of the pod.
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS c (
        attempt_id text, exit_code int, engine_started_at timestamptz, engine_finished_at timestamptz,
        recorded_at timestamptz
    )
)
UPDATE backtest_attempts a
SET is_open = false, ended_at = coalesce(a.ended_at, c.recorded_at), reason = NULL, message = NULL, is_charged = NULL,
    engine_version = coalesce(o.body #>> '{provenance,engineVersion}', a.engine_version),
    image_digest = coalesce(o.body #>> '{provenance,imageDigest}', a.image_digest),
    exit_code = coalesce(c.exit_code, a.exit_code),
    engine_started_at = coalesce(c.engine_started_at, a.engine_started_at),
    engine_finished_at = coalesce(c.engine_finished_at, a.engine_finished_at)
FROM change c JOIN backtest_outcomes o ON o.attempt_id = c.attempt_id
WHERE a.attempt_id = c.attempt_id AND a.is_open

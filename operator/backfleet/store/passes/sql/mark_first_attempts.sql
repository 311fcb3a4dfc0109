-- Records the start of an engine on the first attempt of its pack, which begins with it.
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS c (pack_id text, engine_started_at timestamptz)
)
UPDATE backtest_attempts a SET engine_started_at = c.engine_started_at
FROM change c
WHERE a.attempt_id = c.pack_id AND a.ended_at IS NULL AND c.engine_started_at IS NOT NULL
    AND a.engine_started_at IS DISTINCT FROM c.engine_started_at

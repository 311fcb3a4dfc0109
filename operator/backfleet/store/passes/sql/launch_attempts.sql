-- Inserts attempts. A backtest's row is made by its first attempt; a later attempt needs the backtest queued.
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS c (
        attempt_id text, backtest_id text, batch_uid text, pack_id text, number int, is_warm boolean, "index" int,
        parameters jsonb, combination jsonb, combination_hash text, charged int, uncharged int,
        engine text, launched_at timestamptz
    )
), launched AS (
    INSERT INTO backtest_jobs AS j (
        id, batch_uid, index, state, parameters, combination, combination_hash, attempt_count, deciding_attempt_id,
        charged, uncharged)
    SELECT
        c.backtest_id, c.batch_uid, c.index, 'launching', c.parameters, c.combination, c.combination_hash, c.number,
        c.attempt_id, c.charged, c.uncharged
    FROM change c
    ON CONFLICT (id) DO UPDATE
    SET state = 'launching', attempt_count = excluded.attempt_count, deciding_attempt_id = excluded.deciding_attempt_id,
        charged = excluded.charged, uncharged = excluded.uncharged, reason = NULL, message = NULL, started_at = NULL
    WHERE j.state = 'queued' AND j.attempt_count < excluded.attempt_count
    RETURNING j.id
)
INSERT INTO backtest_attempts (attempt_id, backtest_id, batch_uid, pack_id, number, is_warm, engine, launched_at)
SELECT c.attempt_id, c.backtest_id, c.batch_uid, c.pack_id, c.number, c.is_warm, c.engine, c.launched_at
FROM change c JOIN launched ON launched.id = c.backtest_id

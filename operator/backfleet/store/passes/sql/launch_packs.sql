-- Inserts packs; a repeat changes nothing.
INSERT INTO backtest_packs (
    pack_id, batch_uid, index, number, job_name, size, unsettled, is_warm, launched_at, start_deadline_at,
    hard_deadline_at, waiting_reason)
SELECT
    c.pack_id, c.batch_uid, c.index, c.number, c.job_name, c.size, c.size, c.is_warm, c.launched_at, c.start_deadline_at,
    c.hard_deadline_at, c.waiting_reason
FROM json_to_recordset(CAST(:rows AS json)) AS c (
    pack_id text, batch_uid text, "index" int, number int, job_name text, size int, is_warm boolean, launched_at timestamptz,
    start_deadline_at timestamptz, hard_deadline_at timestamptz, waiting_reason text
)
ON CONFLICT (pack_id) DO NOTHING

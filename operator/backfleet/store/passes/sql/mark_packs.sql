-- Records what was observed of packs, where it differs from the row.
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS c (
        pack_id text, job_seen_at timestamptz, engine_started_at timestamptz, pod_name text,
        start_deadline_at timestamptz, hard_deadline_at timestamptz, start_tries int,
        waiting_since timestamptz, waiting_reason text, retry_at timestamptz,
        node_name text, image_digest text
    )
)
UPDATE backtest_packs p
SET job_seen_at = c.job_seen_at, pod_name = coalesce(c.pod_name, p.pod_name),
    engine_started_at = coalesce(c.engine_started_at, p.engine_started_at), start_deadline_at = c.start_deadline_at,
    hard_deadline_at = c.hard_deadline_at, start_tries = c.start_tries, waiting_since = c.waiting_since,
    waiting_reason = c.waiting_reason, retry_at = c.retry_at, node_name = coalesce(c.node_name, p.node_name),
    image_digest = coalesce(c.image_digest, p.image_digest)
FROM change c
WHERE p.pack_id = c.pack_id AND p.unsettled > 0 AND (
    p.job_seen_at, p.pod_name, p.engine_started_at, p.start_deadline_at, p.hard_deadline_at, p.start_tries, p.waiting_since,
    p.waiting_reason, p.retry_at, p.node_name, p.image_digest) IS DISTINCT FROM (
    c.job_seen_at, coalesce(c.pod_name, p.pod_name), coalesce(c.engine_started_at, p.engine_started_at), c.start_deadline_at,
    c.hard_deadline_at, c.start_tries, c.waiting_since, c.waiting_reason, c.retry_at, coalesce(c.node_name, p.node_name),
    coalesce(c.image_digest, p.image_digest))

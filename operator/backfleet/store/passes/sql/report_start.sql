-- Records that work has started, or failed to, and forgets what is older than two days.
WITH old AS (
    DELETE FROM started_work
    WHERE installation_id = :installation AND key <> :key
        AND greatest(started_at, failed_at) < now() - interval '2 days'
)
INSERT INTO started_work (installation_id, key, started_at, failed_at)
VALUES (:installation, :key, CASE WHEN :has_started THEN now() END, CASE WHEN NOT :has_started THEN now() END)
ON CONFLICT (installation_id, key) DO UPDATE
SET started_at = coalesce(excluded.started_at, started_work.started_at),
    failed_at = coalesce(excluded.failed_at, started_work.failed_at)

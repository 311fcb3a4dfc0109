-- Cancels what has not ended of a finished batch.
UPDATE backtest_jobs SET state = 'cancelled', reason = :reason, message = :message, finished_at = now()
WHERE batch_uid = :uid AND state IN ('queued', 'launching', 'running')

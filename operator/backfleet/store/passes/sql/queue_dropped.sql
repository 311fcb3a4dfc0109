-- Queues the backtests of a batch whose results were dropped.
UPDATE backtest_jobs j
SET state = 'queued', message = :message, finished_at = NULL
WHERE j.batch_uid = :uid AND j.state = 'succeeded'
    AND NOT EXISTS (SELECT FROM backtest_results r WHERE r.backtest_id = j.id)

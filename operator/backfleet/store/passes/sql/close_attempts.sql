-- Closes the open attempts of a finished batch.
UPDATE backtest_attempts
SET is_open = false, ended_at = coalesce(ended_at, now()),
    reason = CASE WHEN ended_at IS NULL THEN :reason ELSE reason END,
    message = CASE WHEN ended_at IS NULL THEN :message ELSE message END
WHERE batch_uid = :uid AND is_open

-- Closes some ended attempts of a batch that is about to finish, but for those that a pass still changes.
UPDATE backtest_attempts SET is_open = false
WHERE attempt_id IN (
    SELECT attempt_id FROM backtest_attempts
    WHERE batch_uid = :uid AND is_open AND ended_at IS NOT NULL AND attempt_id <> ALL(CAST(:kept AS text[]))
    LIMIT :piece)

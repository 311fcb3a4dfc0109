-- Deletes from the inbox what belongs to closed attempts, of other installations too. A row that another pass deletes is skipped.
-- The inner query is correlated: its cost follows the size of the inbox, whatever the planner estimates.
DELETE FROM outcome_inbox WHERE attempt_id IN (
    SELECT i.attempt_id FROM outcome_inbox i
    WHERE NOT (SELECT a.is_open FROM backtest_attempts a WHERE a.attempt_id = i.attempt_id)
    FOR UPDATE OF i SKIP LOCKED)

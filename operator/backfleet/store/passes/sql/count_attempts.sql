-- Counts the attempts that exist among those given.
SELECT count(*) FROM backtest_attempts WHERE attempt_id = ANY(:ids)

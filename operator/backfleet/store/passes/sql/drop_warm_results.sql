-- Drops the results of a batch's warm runs that were not compared with fresh ones.
DELETE FROM backtest_results WHERE batch_uid = :uid AND run = 'warm'

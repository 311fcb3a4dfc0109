-- Counts the open attempts of a batch, up to a number.
SELECT count(*) FROM (SELECT FROM backtest_attempts WHERE batch_uid = :uid AND is_open LIMIT :most) AS first_ones

-- Counts the members of packs that have not ended.
UPDATE backtest_packs p
SET unsettled = (SELECT count(*) FROM backtest_attempts a WHERE a.pack_id = p.pack_id AND a.ended_at IS NULL)
WHERE p.pack_id = ANY(:ids)

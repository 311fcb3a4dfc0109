-- Leaves nothing unsettled of a finished batch.
UPDATE backtest_packs SET unsettled = 0 WHERE batch_uid = :uid AND unsettled > 0

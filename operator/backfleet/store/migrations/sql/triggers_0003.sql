-- Of a result only the verdict may change: the engine's own analysis stays as the rest does.
DROP TRIGGER result_is_fixed ON backtest_results;
CREATE TRIGGER result_is_fixed BEFORE UPDATE OF
    backtest_id, batch_uid, attempt_id, index, objective_value, rank_key, metrics, statistics, equity_curve, blocks, warnings,
    provenance, analysis, recorded_at
ON backtest_results
FOR EACH ROW EXECUTE FUNCTION backfleet_refuse_change();

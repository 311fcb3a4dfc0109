-- Outcomes are appended, announced, and never changed.

CREATE FUNCTION backfleet_announce_outcome() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
    -- The recorder may insert outcomes and nothing else, so this runs with the owner's rights.
    INSERT INTO outcome_inbox (attempt_id, recorded_at) VALUES (NEW.attempt_id, NEW.recorded_at);
    PERFORM pg_notify('backfleet_outcomes', coalesce(
        (SELECT batch_uid FROM backtest_attempts WHERE attempt_id = NEW.attempt_id), ''));
    RETURN NULL;
END
$$;

CREATE TRIGGER announce AFTER INSERT ON backtest_outcomes
FOR EACH ROW EXECUTE FUNCTION backfleet_announce_outcome();

CREATE FUNCTION backfleet_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A batch that is purged takes its rows along: the foreign key's cascade is one level deeper.
    IF TG_OP = 'DELETE' AND pg_trigger_depth() > 1 THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% of % is refused: its rows never change', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON backtest_outcomes
FOR EACH ROW EXECUTE FUNCTION backfleet_refuse_change();

CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON backtest_outcomes
FOR EACH STATEMENT EXECUTE FUNCTION backfleet_refuse_change();

CREATE TRIGGER result_stays BEFORE DELETE ON backtest_results
FOR EACH ROW EXECUTE FUNCTION backfleet_refuse_change();

-- Of a result only the verdict may change (criteria are edited, results are re-judged).
CREATE TRIGGER result_is_fixed BEFORE UPDATE OF
    backtest_id, batch_uid, attempt_id, index, objective_value, rank_key, metrics, statistics, equity_curve, blocks, warnings,
    provenance, recorded_at
ON backtest_results
FOR EACH ROW EXECUTE FUNCTION backfleet_refuse_change();

-- Nothing reopens a succeeded backtest.
CREATE TRIGGER succeeded_stays BEFORE UPDATE ON backtest_jobs
FOR EACH ROW WHEN (OLD.state = 'succeeded' AND OLD.* IS DISTINCT FROM NEW.*)
EXECUTE FUNCTION backfleet_refuse_change();

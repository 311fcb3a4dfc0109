-- Outcomes are appended, announced, and never changed.

CREATE OR REPLACE FUNCTION backfleet_announce_outcome() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
BEGIN
    -- The recorder may insert outcomes and nothing else, so this runs with the owner's rights.
    INSERT INTO outcome_inbox (attempt_id, recorded_at) VALUES (NEW.attempt_id, NEW.recorded_at);
    PERFORM pg_notify('backfleet_outcomes', coalesce(
        (SELECT batch_uid FROM backtest_attempts WHERE attempt_id = NEW.attempt_id), ''));
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER announce AFTER INSERT ON backtest_outcomes
FOR EACH ROW EXECUTE FUNCTION backfleet_announce_outcome();

CREATE OR REPLACE FUNCTION backfleet_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A batch that is purged takes its rows along: the foreign key's cascade is one level deeper.
    IF TG_OP = 'DELETE' AND pg_trigger_depth() > 1 THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% of % is refused: its rows never change', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON backtest_outcomes
FOR EACH ROW EXECUTE FUNCTION backfleet_refuse_change();

CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON backtest_outcomes
FOR EACH STATEMENT EXECUTE FUNCTION backfleet_refuse_change();

-- A result that was computed warm, and was not compared with a fresh run, can be dropped. Its backtest is queued again.
CREATE OR REPLACE TRIGGER result_stays BEFORE DELETE ON backtest_results
FOR EACH ROW WHEN (OLD.run <> 'warm') EXECUTE FUNCTION backfleet_refuse_change();

-- Of a result only the verdict may change (criteria are edited, results are re-judged).
CREATE OR REPLACE TRIGGER result_is_fixed BEFORE UPDATE OF
    backtest_id, batch_uid, attempt_id, index, objective_value, rank_key, run, metrics, recorded_at
ON backtest_results
FOR EACH ROW EXECUTE FUNCTION backfleet_refuse_change();

CREATE OR REPLACE FUNCTION backfleet_refuse_reopening() RETURNS trigger
LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
BEGIN
    IF NEW.state = 'queued' AND NOT EXISTS (SELECT FROM backtest_results WHERE backtest_id = OLD.id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% of % is refused: its rows never change', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

-- Nothing reopens a succeeded backtest that has its result.
CREATE OR REPLACE TRIGGER succeeded_stays BEFORE UPDATE ON backtest_jobs
FOR EACH ROW WHEN (OLD.state = 'succeeded' AND OLD.* IS DISTINCT FROM NEW.*)
EXECUTE FUNCTION backfleet_refuse_reopening();

"""The statements of a pass's changes. `change` is the JSON array `:rows`, read as a table."""


def _change(columns: str) -> str:
    common = "attempt_id text, backtest_id text, batch_uid text, number int"
    return f"change AS (SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS c({common}, {columns}))"  # noqa: S608


_RECORDED = "exit_code int, engine_started_at timestamptz, engine_finished_at timestamptz"

# Of an attempt, what its outcome knows better than what was observed.
_SET_RECORDED = """
    exit_code = coalesce(c.exit_code, a.exit_code),
    engine_started_at = coalesce(c.engine_started_at, a.engine_started_at),
    engine_finished_at = coalesce(c.engine_finished_at, a.engine_finished_at)
"""

_RESULT = (
    f'{_RECORDED}, recorded_at timestamptz, "index" int, objective_value double precision, rank_key double precision, '
    "passed boolean, rejections text[], criteria_version int, metrics jsonb"
)

# A succeeded backtest never changes, a cancelled one is over; a failed one may still succeed.
SETTLE_RESULTS = f"""
WITH {_change(_RESULT)}, settled AS (
    UPDATE backtest_jobs j
    SET state = 'succeeded', reason = NULL, message = NULL, finished_at = c.recorded_at,
        started_at = coalesce(c.engine_started_at, j.started_at)
    FROM change c
    WHERE j.id = c.backtest_id AND j.deciding_attempt_id = c.attempt_id AND j.state NOT IN ('succeeded', 'cancelled')
    RETURNING j.id
)
INSERT INTO backtest_results (
    backtest_id, batch_uid, attempt_id, index, objective_value, rank_key, passed, rejections, criteria_version,
    metrics, recorded_at)
SELECT
    c.backtest_id, c.batch_uid, c.attempt_id, c.index, c.objective_value, coalesce(c.rank_key, 'Infinity'), c.passed,
    c.rejections, c.criteria_version, c.metrics, c.recorded_at
FROM change c JOIN settled ON settled.id = c.backtest_id
ON CONFLICT (backtest_id) DO NOTHING
"""  # noqa: S608

END_SUCCEEDED_ATTEMPTS = f"""
WITH {_change(_RESULT)}
UPDATE backtest_attempts a
SET is_open = false, ended_at = coalesce(a.ended_at, c.recorded_at), reason = NULL, message = NULL, is_charged = NULL,
    engine_version = coalesce(o.body #>> '{{provenance,engineVersion}}', a.engine_version),
    image_digest = coalesce(o.body #>> '{{provenance,imageDigest}}', a.image_digest), {_SET_RECORDED}
FROM change c JOIN backtest_outcomes o ON o.attempt_id = c.attempt_id
WHERE a.attempt_id = c.attempt_id AND a.is_open
"""  # noqa: S608

_FAILURE = f"{_RECORDED}, state text, reason text, message text, is_charged boolean, is_open boolean, charged int, uncharged int"

SETTLE_FAILURES = f"""
WITH {_change(_FAILURE)}
UPDATE backtest_jobs j
SET state = c.state, reason = c.reason, message = c.message, charged = c.charged, uncharged = c.uncharged,
    started_at = coalesce(c.engine_started_at, j.started_at),
    finished_at = CASE WHEN c.state = 'queued' THEN NULL ELSE now() END
FROM change c
WHERE j.id = c.backtest_id AND j.deciding_attempt_id = c.attempt_id AND j.state IN ('launching', 'running')
"""  # noqa: S608

END_FAILED_ATTEMPTS = f"""
WITH {_change(_FAILURE)}
UPDATE backtest_attempts a
SET is_open = c.is_open, ended_at = now(), reason = c.reason, message = c.message, is_charged = c.is_charged,
    {_SET_RECORDED}
FROM change c
WHERE a.attempt_id = c.attempt_id AND a.ended_at IS NULL
"""  # noqa: S608

CLOSE_OUTCOMES = f"""
WITH {_change(_RECORDED)}
UPDATE backtest_attempts a
SET is_open = false, ended_at = coalesce(a.ended_at, now()), {_SET_RECORDED}
FROM change c
WHERE a.attempt_id = c.attempt_id AND a.is_open
"""  # noqa: S608

_MARK = (
    "state text, job_seen_at timestamptz, engine_started_at timestamptz, pod_name text, start_deadline_at timestamptz, "
    "hard_deadline_at timestamptz, start_tries int, waiting_since timestamptz, waiting_reason text, retry_at timestamptz"
)

MARK_BACKTESTS = f"""
WITH {_change(_MARK)}
UPDATE backtest_jobs j
SET state = c.state, started_at = coalesce(c.engine_started_at, j.started_at)
FROM change c
WHERE j.id = c.backtest_id AND j.deciding_attempt_id = c.attempt_id AND j.state IN ('launching', 'running')
    AND (j.state, j.started_at) IS DISTINCT FROM (c.state, coalesce(c.engine_started_at, j.started_at))
"""  # noqa: S608

MARK_ATTEMPTS = f"""
WITH {_change(_MARK)}
UPDATE backtest_attempts a
SET job_seen_at = c.job_seen_at, pod_name = coalesce(c.pod_name, a.pod_name),
    engine_started_at = coalesce(c.engine_started_at, a.engine_started_at), start_deadline_at = c.start_deadline_at,
    hard_deadline_at = c.hard_deadline_at, start_tries = c.start_tries, waiting_since = c.waiting_since,
    waiting_reason = c.waiting_reason, retry_at = c.retry_at
FROM change c
WHERE a.attempt_id = c.attempt_id AND a.ended_at IS NULL AND (
    a.job_seen_at, a.pod_name, a.engine_started_at, a.start_deadline_at, a.hard_deadline_at, a.start_tries, a.waiting_since,
    a.waiting_reason, a.retry_at) IS DISTINCT FROM (
    c.job_seen_at, coalesce(c.pod_name, a.pod_name), coalesce(c.engine_started_at, a.engine_started_at), c.start_deadline_at,
    c.hard_deadline_at, c.start_tries, c.waiting_since, c.waiting_reason, c.retry_at)
"""  # noqa: S608

_LAUNCH = (
    '"index" int, job_name text, parameters jsonb, combination jsonb, combination_hash text, charged int, uncharged int, '
    "engine text, launched_at timestamptz, start_deadline_at timestamptz, hard_deadline_at timestamptz"
)

# The backtest's row is made by its first attempt; a later one needs it queued. Only then is there an attempt.
LAUNCH_ATTEMPTS = f"""
WITH {_change(_LAUNCH)}, launched AS (
    INSERT INTO backtest_jobs AS j (
        id, batch_uid, index, state, parameters, combination, combination_hash, attempt_count, deciding_attempt_id,
        charged, uncharged)
    SELECT
        c.backtest_id, c.batch_uid, c.index, 'launching', c.parameters, c.combination, c.combination_hash, c.number,
        c.attempt_id, c.charged, c.uncharged
    FROM change c
    ON CONFLICT (id) DO UPDATE
    SET state = 'launching', attempt_count = excluded.attempt_count, deciding_attempt_id = excluded.deciding_attempt_id,
        charged = excluded.charged, uncharged = excluded.uncharged, reason = NULL, message = NULL, started_at = NULL
    WHERE j.state = 'queued' AND j.attempt_count < excluded.attempt_count
    RETURNING j.id
)
INSERT INTO backtest_attempts (
    attempt_id, backtest_id, batch_uid, number, job_name, engine, launched_at, start_deadline_at, hard_deadline_at)
SELECT
    c.attempt_id, c.backtest_id, c.batch_uid, c.number, c.job_name, c.engine, c.launched_at, c.start_deadline_at,
    c.hard_deadline_at
FROM change c JOIN launched ON launched.id = c.backtest_id
"""  # noqa: S608

JUDGE_RESULTS = """
WITH change AS (
    SELECT * FROM json_to_recordset(CAST(:rows AS json))
        AS c(backtest_id text, passed boolean, rejections text[], criteria_version int)
)
UPDATE backtest_results r
SET passed = c.passed, rejections = c.rejections, criteria_version = c.criteria_version
FROM change c
WHERE r.backtest_id = c.backtest_id AND r.criteria_version < c.criteria_version
"""

COUNT_ATTEMPTS = "SELECT count(*) FROM backtest_attempts WHERE attempt_id = ANY(:ids)"

CANCEL_BACKTESTS = """
UPDATE backtest_jobs SET state = 'cancelled', reason = :reason, message = :message, finished_at = now()
WHERE batch_uid = :uid AND state IN ('queued', 'launching', 'running')
"""

CLOSE_ATTEMPTS = """
UPDATE backtest_attempts
SET is_open = false, ended_at = coalesce(ended_at, now()),
    reason = CASE WHEN ended_at IS NULL THEN :reason ELSE reason END,
    message = CASE WHEN ended_at IS NULL THEN :message ELSE message END
WHERE batch_uid = :uid AND is_open
"""

COUNT_OPEN = """
SELECT count(*) FROM (SELECT FROM backtest_attempts WHERE batch_uid = :uid AND is_open LIMIT :most) AS first_ones
"""

CLOSE_PIECE = """
UPDATE backtest_attempts SET is_open = false
WHERE attempt_id IN (
    SELECT attempt_id FROM backtest_attempts
    WHERE batch_uid = :uid AND is_open AND ended_at IS NOT NULL AND attempt_id <> ALL(CAST(:kept AS text[]))
    LIMIT :piece)
"""

# Rows of other installations too: what is closed is settled, whoever did it. A row that another pass deletes is skipped.
# The inner query is correlated so that its cost is the inbox's, whatever the planner believes.
FORGET_SETTLED = """
DELETE FROM outcome_inbox WHERE attempt_id IN (
    SELECT i.attempt_id FROM outcome_inbox i
    WHERE NOT (SELECT a.is_open FROM backtest_attempts a WHERE a.attempt_id = i.attempt_id)
    FOR UPDATE OF i SKIP LOCKED)
"""

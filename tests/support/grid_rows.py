"""Fills a database with a finished batch whose results are a whole grid, each with every metric."""

import json
from itertools import islice
from typing import Any

from sqlalchemy import Engine, text

from backfleet.core.metrics import METRICS
from backfleet.core.space.parameters import ParameterSpace, build_space
from tests.support.axes import STRING, listed, ranged, whole
from tests.support.changes import SPEC

GRID_UID = "0f1e2d3c-0000-4000-8000-00000000009d"
TEXTS = ("up", "down", "both", "none", "any")


def big_space() -> ParameterSpace:
    """Return a space of 100,000 combinations of five parameters."""
    declared = [
        whole("fast", 5, 24, 1),
        whole("slow", 30, 220, 10),
        ranged("stop", 0.01, 0.1, 0.01),
        whole("hold", 1, 5, 1),
        listed("side", *TEXTS, type=STRING),
    ]
    return build_space(declared)


def fill_grid(
    engine: Engine, installation: str, space: ParameterSpace, uid: str = GRID_UID, name: str = "grid"
) -> None:
    """Add the batch. The Sharpe ratio depends on the parameters, and one result in 50 does not meet the criteria."""
    values = {
        "uid": uid,
        "name": name,
        "installation": installation,
        "spec": json.dumps(SPEC),
        "axes": json.dumps(space.to_json()),
        "count": space.total,
    }
    with engine.begin() as connection:
        for statement in _FILL.split(";\n"):
            connection.execute(text(statement), values)
        combinations = map(space.combination, range(space.total))
        while rows := list(islice(combinations, 10_000)):
            given = [_row(each.index, each.texts, each.to_json()) for each in rows]
            connection.execute(text(_JOBS), values | {"rows": json.dumps(given)})
        for statement in _RESULTS.split(";\n"):
            connection.execute(text(statement), values)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _row(index: int, texts: dict[str, str], combination: dict[str, Any]) -> dict[str, Any]:
    return {"i": index, "texts": texts, "combination": combination}


_FILL = """
INSERT INTO optimization_batches (uid, installation_id, namespace, name, state, strategy_name, engine, initial_cash,
    objective_metric, objective_direction, spec, controls, axes, criteria, total, next_index, succeeded, passed,
    engine_versions, accepted_at, finished_at, finish_reason)
VALUES (:uid, :installation, 'research', :name, 'finished', 'RSI_MeanReversion_ETF', 'bars', 1000, 'sharpe_ratio',
    'maximize', CAST(:spec AS jsonb), '{}', CAST(:axes AS jsonb), '{}', :count, :count, :count, :count - :count / 50,
    '["3"]', now() - interval '1 day', now(), 'AllSucceeded');
INSERT INTO backtest_packs (pack_id, batch_uid, index, number, job_name, size, unsettled, launched_at, start_deadline_at,
    hard_deadline_at)
SELECT :uid || '-' || i || '.1', :uid, i, 1, 'job-' || i, 1, 0, now(), now(), now()
FROM generate_series(0, :count - 1) AS i"""
_JOBS = """
INSERT INTO backtest_jobs (id, batch_uid, index, state, parameters, combination, combination_hash, attempt_count,
    deciding_attempt_id, started_at, finished_at)
SELECT :uid || '-' || i, :uid, i, 'succeeded', texts, combination, md5(i::text), 1, :uid || '-' || i || '.1', now(), now()
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (i integer, texts jsonb, combination jsonb)"""
_METRICS = ", ".join(
    f"'{name}', round(({number + 1} * sin(i * {number + 1}) + (i / 5000) % 20)::numeric, 6)"
    for number, name in enumerate(METRICS)
)
_RESULTS = f"""
INSERT INTO backtest_attempts (attempt_id, backtest_id, batch_uid, pack_id, number, launched_at, ended_at, is_open)
SELECT :uid || '-' || i || '.1', :uid || '-' || i, :uid, :uid || '-' || i || '.1', 1, now(), now(), false
FROM generate_series(0, :count - 1) AS i;
INSERT INTO backtest_outcomes (attempt_id, kind, body)
SELECT :uid || '-' || i || '.1', 'succeeded', jsonb_build_object('metrics', jsonb_build_object({_METRICS}), 'statistics',
    jsonb_build_object('Total Orders', i::text), 'equityCurve', jsonb_build_array(), 'blocks', jsonb_build_array(),
    'warnings', jsonb_build_array(), 'provenance', jsonb_build_object('engine', 'bars', 'engineVersion', '3'))
FROM generate_series(0, :count - 1) AS i;
DELETE FROM outcome_inbox;
INSERT INTO backtest_results (backtest_id, batch_uid, attempt_id, index, objective_value, rank_key, passed, rejections,
    criteria_version, metrics, recorded_at)
SELECT :uid || '-' || i, :uid, :uid || '-' || i || '.1', i, (o.body #>> '{{metrics,sharpe_ratio}}')::double precision,
    -(o.body #>> '{{metrics,sharpe_ratio}}')::double precision, i % 50 <> 0,
    CASE WHEN i % 50 <> 0 THEN '{{}}'::text[] ELSE '{{low_sharpe_ratio}}' END, 1, o.body -> 'metrics', now()
FROM generate_series(0, :count - 1) AS i JOIN backtest_outcomes o ON o.attempt_id = :uid || '-' || i || '.1'
"""

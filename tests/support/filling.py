"""Fills a database quickly with many settled rows, and explains how the store's statements run in it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from alembic import command
from sqlalchemy import Connection, Engine, event, text

from backfleet import catalog
from backfleet.core.criteria import RULES
from backfleet.store.migration import revisions
from tests.support.changes import SPEC

BIG_UID = "0f1e2d3c-0000-4000-8000-0000000000ff"
BIG_TABLES = {
    "backtest_jobs",
    "backtest_packs",
    "backtest_attempts",
    "backtest_results",
    "backtest_outcomes",
    "outcome_inbox",
}


def fill(engine: Engine, installation: str, count: int, uid: str = BIG_UID, *, attempts: str = "") -> None:
    """Add a finished batch of `count` settled backtests with attempts, outcomes and results. One in a hundred failed.

    `attempts` are the statements that add the attempts, where not those of the newest schema.
    """
    values = {"uid": uid, "installation": installation, "spec": json.dumps(SPEC), "count": count}
    with engine.begin() as connection:
        for statement in _FILL.format(attempts=attempts or _PACKS_OF_ONE).split(";\n"):
            connection.execute(text(statement), values)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


_PACKS_OF_ONE = """
INSERT INTO backtest_packs (pack_id, batch_uid, index, number, job_name, size, unsettled, launched_at, start_deadline_at,
    hard_deadline_at)
SELECT :uid || '-' || i || '.1', :uid, i, 1, 'job-' || i, 1, 0, now(), now(), now()
FROM generate_series(0, :count - 1) AS i;
INSERT INTO backtest_attempts (attempt_id, backtest_id, batch_uid, pack_id, number, launched_at, ended_at, is_open)
SELECT :uid || '-' || i || '.1', :uid || '-' || i, :uid, :uid || '-' || i || '.1', 1, now(), now(), false
FROM generate_series(0, :count - 1) AS i"""
RELEASED_ATTEMPTS = """
INSERT INTO backtest_attempts (attempt_id, backtest_id, batch_uid, number, job_name, launched_at, start_deadline_at,
    hard_deadline_at, ended_at, is_open)
SELECT :uid || '-' || i || '.1', :uid || '-' || i, :uid, 1, 'job-' || i, now(), now(), now(), now(), false
FROM generate_series(0, :count - 1) AS i"""
"""How 0.2.0 kept attempts, each with its own Job."""
_FILL = """
INSERT INTO optimization_batches (uid, installation_id, namespace, name, state, strategy_name, engine, initial_cash,
    objective_metric, objective_direction, spec, controls, axes, criteria, total, next_index, succeeded, accepted_at,
    finished_at, finish_reason)
VALUES (:uid, :installation, 'research', 'big', 'finished', 'RSI_MeanReversion_ETF', 'bars', 1000, 'sharpe_ratio',
    'maximize', CAST(:spec AS jsonb), '{{}}', '{{}}', '{{}}', :count, :count, :count,
    now() - interval '1 day', now(), 'AllSucceeded');
INSERT INTO backtest_jobs (id, batch_uid, index, state, parameters, combination, combination_hash, attempt_count,
    deciding_attempt_id, finished_at)
SELECT :uid || '-' || i, :uid, i, CASE WHEN i % 100 = 7 THEN 'failed' ELSE 'succeeded' END,
    jsonb_build_object('rsi_period', i::text), jsonb_build_object('rsi_period', i), md5(i::text), 1,
    :uid || '-' || i || '.1', now()
FROM generate_series(0, :count - 1) AS i;
{attempts};
INSERT INTO backtest_outcomes (attempt_id, kind, body)
SELECT :uid || '-' || i || '.1', 'succeeded', jsonb_build_object('metrics', jsonb_build_object('sharpe_ratio', value,
    'drawdown', 0.1), 'statistics', jsonb_build_object(), 'equityCurve', jsonb_build_array(), 'blocks', jsonb_build_array(),
    'warnings', jsonb_build_array(), 'provenance', jsonb_build_object())
FROM generate_series(0, :count - 1) AS i,
    LATERAL (SELECT CASE WHEN i % 10 = 3 THEN NULL ELSE ((i * 7919) % 1000) / 100.0 END AS value) AS v;
DELETE FROM outcome_inbox;
INSERT INTO backtest_results (backtest_id, batch_uid, attempt_id, index, objective_value, rank_key, passed, rejections,
    criteria_version, metrics, recorded_at)
SELECT :uid || '-' || i, :uid, :uid || '-' || i || '.1', i, value, coalesce(-value, 'Infinity'), i % 50 = 0,
    CASE WHEN i % 50 = 0 THEN '{{}}'::text[] ELSE '{{low_sharpe_ratio}}' END, 1,
    jsonb_build_object('sharpe_ratio', value, 'drawdown', 0.1), now()
FROM generate_series(0, :count - 1) AS i,
    LATERAL (SELECT CASE WHEN i % 10 = 3 THEN NULL ELSE ((i * 7919) % 1000) / 100.0 END AS value) AS v
WHERE i % 100 <> 7
"""


def migrate_to_released(connection: Connection) -> None:
    """Create the schema of 0.2.0 with its catalog, whose criteria had fewer columns."""
    command.upgrade(revisions.script_config(connection), "0001")
    for each in catalog.load().strategies:
        row = "INSERT INTO strategies (name, status, seeded_status) VALUES (:name, :status, :status)"
        connection.execute(text(row), {"name": each.name, "status": each.status.value})
        body = {} if each.criteria is None else each.criteria.to_json()
        bounds = {rule.field: body[rule.wire_name] for rule in RULES if rule.wire_name in body}
        columns, values = ", ".join(["strategy_name", *bounds]), ", ".join([":name", *(f":{name}" for name in bounds)])
        row = f"INSERT INTO success_criteria ({columns}, seeded) VALUES ({values}, CAST(:seeded AS jsonb))"
        connection.execute(text(row), {"name": each.name, "seeded": json.dumps(body), **bounds})
    connection.execute(text("INSERT INTO installations (id, epoch) VALUES ('released', 1)"))


@dataclass
class Explained:
    """How the statements of a function ran: sequentially read tables, used indexes, and rows read by the scans."""

    sequential: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)
    touched: int = 0
    statements: int = 0

    def add(self, plan: dict[str, Any]) -> None:
        """Count a node of a plan and those below it."""
        if plan["Node Type"] == "Seq Scan":
            self.sequential.add(plan["Relation Name"])
        if "Index Name" in plan:
            self.indexes.add(plan["Index Name"])
        if "Scan" in plan["Node Type"]:
            rows = (
                plan["Actual Rows"]
                + plan.get("Rows Removed by Filter", 0)
                + plan.get("Rows Removed by Index Recheck", 0)
            )
            self.touched += round(rows * plan["Actual Loops"])
        for child in plan.get("Plans", ()):
            self.add(child)


def sent_bytes(engine: Engine, verb: Callable[[], object]) -> int:
    """Return the size, as text, of all rows that the SELECTs of a verb send."""
    with _listening(engine) as sent:
        verb()
    with engine.connect() as connection:
        sizes = [
            connection.exec_driver_sql(
                f"SELECT coalesce(sum(octet_length(t::text)), 0) FROM ({statement}) AS t", parameters
            ).scalar_one()
            for statement, parameters in sent
        ]
    return sum(map(int, sizes))


def explain(engine: Engine, verb: Callable[[], object]) -> Explained:
    """Run a verb, and then every SELECT that it sent again under EXPLAIN ANALYZE."""
    with _listening(engine) as sent:
        verb()
    found = Explained()
    with engine.connect() as connection:
        for statement, parameters in sent:
            plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
            found.add(plan[0]["Plan"])
            found.statements += 1
    return found


@contextmanager
def _listening(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.lstrip().startswith("SELECT"):
            sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)

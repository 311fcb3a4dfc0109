"""Attempts of 0.2.0, each with its own Job: after the migration each is a pack of one, and live ones go on."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from backfleet.core.backtests import BacktestState
from backfleet.core.packs import PackRecord
from backfleet.store.migration.command import MigrationSettings, migrate
from backfleet.store.passes.observe import observe, read_members
from backfleet.store.postgres.session import open_engine
from tests.integration.store.conftest import QUICK
from tests.support.changes import START
from tests.support.databases import ROLES, Database
from tests.support.filling import migrate_to_released

pytestmark = pytest.mark.postgres

LIVE_IN_RELEASED = """
INSERT INTO optimization_batches (uid, installation_id, namespace, name, state, strategy_name, engine, initial_cash,
    objective_metric, objective_direction, spec, controls, axes, criteria, total, next_index, succeeded, accepted_at)
VALUES ('live', 'released', 'research', 'live', 'live', 'RSI_MeanReversion_ETF', 'bars', 1000, 'sharpe_ratio',
    'maximize', '{}', '{}', '{}', '{}', 2, 2, 0, '2026-11-24T11:00Z');
INSERT INTO backtest_jobs (id, batch_uid, index, state, parameters, combination, combination_hash, attempt_count,
    deciding_attempt_id, charged)
VALUES ('live-0', 'live', 0, 'running', '{"a": "1"}', '{"a": 1}', 'x', 2, 'live-0.2', 1),
    ('live-1', 'live', 1, 'launching', '{"a": "2"}', '{"a": 2}', 'y', 1, 'live-1.1', 0);
INSERT INTO backtest_attempts (attempt_id, backtest_id, batch_uid, number, job_name, pod_name, node_name, launched_at,
    start_deadline_at, hard_deadline_at, job_seen_at, engine_started_at, ended_at, reason)
VALUES
    ('live-0.1', 'live-0', 'live', 1, 'live-0-1', 'pod-1', 'node-1', :start, :deadline, :hard, :seen, :began, :ended,
        'OOMKilled'),
    ('live-0.2', 'live-0', 'live', 2, 'live-0-2', 'pod-2', 'node-2', :start, :deadline, :hard, :seen, :began, NULL, NULL),
    ('live-1.1', 'live-1', 'live', 1, 'live-1-1', NULL, NULL, :start, :deadline, :hard, NULL, NULL, NULL, NULL)
"""


def test_every_attempt_of_the_released_version_is_a_pack_of_one(empty_database: Database) -> None:
    settings = MigrationSettings(url=empty_database.operator_url, wait_seconds=10, roles=ROLES)
    old = open_engine(settings.url, application_name="test", timeouts=QUICK)
    with old.begin() as connection:
        migrate_to_released(connection)
    names = ("start", "seen", "began", "ended", "deadline", "hard")
    moments = {name: START + timedelta(minutes=minute) for minute, name in enumerate(names)}
    with old.begin() as connection:
        for statement in LIVE_IN_RELEASED.split(";\n"):
            connection.execute(text(statement), moments)
    migrate(settings, lambda _: None)
    view = observe(old, "released", ["live"])
    found = read_members(old, [each.id for each in view.packs])
    with old.connect() as connection:
        select = "SELECT pack_id, size, unsettled, job_name, pod_name, node_name FROM backtest_packs ORDER BY pack_id"
        rows = [tuple(row) for row in connection.execute(text(select))]
        members = connection.execute(text("SELECT attempt_id, pack_id FROM backtest_attempts")).all()
    old.dispose()
    assert rows == [
        ("live-0.1", 1, 0, "live-0-1", "pod-1", "node-1"),
        ("live-0.2", 1, 1, "live-0-2", "pod-2", "node-2"),
        ("live-1.1", 1, 1, "live-1-1", None, None),
    ]
    assert {attempt == pack for attempt, pack in members} == {True}
    common: dict[str, Any] = {
        "batch_uid": "live",
        "launched_at": moments["start"],
        "start_deadline_at": moments["deadline"],
        "hard_deadline_at": moments["hard"],
    }
    runs: dict[str, Any] = {"job_seen_at": moments["seen"], "engine_started_at": moments["began"]}
    assert view.packs == (
        PackRecord(index=0, number=2, job_name="live-0-2", node_name="node-2", **common, **runs),
        PackRecord(index=1, number=1, job_name="live-1-1", **common),
    )
    assert sorted((each.id, each.pack_id, each.backtest_state, each.charged) for each in found) == [
        ("live-0.2", "live-0.2", BacktestState.RUNNING, 1),
        ("live-1.1", "live-1.1", BacktestState.LAUNCHING, 0),
    ]

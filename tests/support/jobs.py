"""Builds a launch as the planner decides it, for tests of later steps."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from backfleet.core.backtests import BacktestRequest, BacktestState, attempt_id
from backfleet.core.packs import PackRecord
from backfleet.core.planning.effects import BatchRef, CreateJob, JobShape
from backfleet.core.records import AttemptRecord
from tests.support.packs import pack_of

UID = "6fa4ab79-9fb3-4e9c-8f9e-3d3cbf0b2d11"
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
BATCH = BatchRef(uid=UID, name="demo", namespace="research")


def build_attempt(index: int = 7, number: int = 2, **changes: Any) -> AttemptRecord:
    given: dict[str, Any] = {
        "batch_uid": UID,
        "index": index,
        "number": number,
        "pack_id": attempt_id(UID, index, number),
        "backtest_state": BacktestState.LAUNCHING,
        "parameter_texts": {"value": "1"},
        "launched_at": NOW,
    }
    return AttemptRecord(**given | changes)


def build_pack(index: int = 7, number: int = 2, **changes: Any) -> PackRecord:
    """Build a pack that was just launched, of one member unless `size` and `unsettled` say otherwise."""
    given: dict[str, Any] = {
        "batch_uid": UID,
        "index": index,
        "number": number,
        "job_name": f"demo-6fa4ab79-{index}-{number}",
        "launched_at": NOW,
        "start_deadline_at": NOW + timedelta(seconds=600),
        "hard_deadline_at": NOW + timedelta(seconds=3600),
    }
    return PackRecord(**given | changes)


def build_request(engine: str = "noop", **parameters: str) -> BacktestRequest:
    return BacktestRequest(
        engine=engine,
        strategy="Noop",
        lean_project_path="STR-000_Noop" if engine == "lean" else None,
        parameter_texts=parameters or {"value": "1"},
        symbols=("AAPL",),
        start_date=date(2000, 3, 1),
        end_date=date(2001, 3, 1),
        initial_cash=Decimal(1000),
    )


def build_create(request: BacktestRequest | None = None, **shape: Any) -> CreateJob:
    given = {"backtest_timeout_seconds": 1800, "deadline_seconds": 3360, "ttl_seconds": 600}
    return CreateJob(
        batch=BATCH,
        pack=build_pack(),
        request=pack_of(request or build_request(), UID),
        shape=JobShape(**given | shape),
    )

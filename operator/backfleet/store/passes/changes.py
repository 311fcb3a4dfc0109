"""Writes the changes of a pass as rows. Every statement names the state that it expects, so a repeat changes nothing.

Each run of equal changes goes to the server as one JSON array: a pass with a thousand changes is a few statements.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, text

from backfleet.core.backtests import BacktestState, backtest_id
from backfleet.core.changes import (
    AttemptChange,
    Charge,
    CloseOutcome,
    DropWarm,
    EndPack,
    JudgeResult,
    Launch,
    LaunchPack,
    MarkPack,
    RowChange,
    SetAside,
    SettleFailure,
    SettleResult,
    StartReport,
)
from backfleet.core.errors import Conflict
from backfleet.core.packs import PackRecord
from backfleet.core.ranking import Direction, rank_key
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, BatchRecord, OutcomeRecord
from backfleet.core.spec.storable import dump_storable, storable_text
from backfleet.store.passes import statements
from backfleet.store.passes.warm import drop_warm_results

Rows = list[dict[str, Any]]


def apply_changes(connection: Connection, batch: BatchRecord, changes: Sequence[RowChange]) -> int:
    """Apply the changes in order. Return how many rows changed. Raise Conflict if an attempt cannot be launched."""
    count = 0
    for kind, run in groupby(changes, key=type):
        count += _WRITERS[kind](connection, batch, list(run))
    ended = {each.attempt.pack_id for each in changes if isinstance(each, AttemptChange)}
    ended |= {each.pack.id for each in changes if isinstance(each, EndPack)}
    if ended:
        connection.execute(text(statements.COUNT_UNSETTLED), {"ids": sorted(ended)})
    return count


def judge_results(connection: Connection, batch: BatchRecord, verdicts: Sequence[JudgeResult]) -> int:
    """Write new verdicts and return their number. Raise Conflict if a result has changed, since counters would be wrong."""
    if not verdicts:
        return 0
    rows = [
        {
            "backtest_id": verdict.backtest_id,
            "passed": verdict.passed,
            "rejections": list(verdict.rejections),
            "criteria_version": verdict.criteria_version,
        }
        for verdict in verdicts
    ]
    judged = _run(connection, rows, statements.JUDGE_RESULTS)
    if judged < len(rows):
        raise Conflict(f"batch {batch.uid}: {len(rows) - judged} results already have another verdict")
    return judged


def close_batch(connection: Connection, batch: BatchRecord) -> int:
    """Cancel all open backtests and close every attempt of a finished batch. Return how many rows changed."""
    message = f"the batch ended: {batch.finish_reason}: {batch.finish_message or ''}".rstrip(": ")
    values = {"uid": batch.uid, "reason": FailureReason.CANCELLED.value, "message": storable_text(message[:2000])}
    cancelled = connection.execute(text(statements.CANCEL_BACKTESTS), values).rowcount
    closed = connection.execute(text(statements.CLOSE_ATTEMPTS), values).rowcount
    connection.execute(text(statements.CLOSE_PACKS), {"uid": batch.uid})
    return cancelled + closed


def forget_settled(connection: Connection) -> None:
    """Remove the outcomes of closed attempts from the inbox."""
    connection.execute(text(statements.FORGET_SETTLED))


def report_start(connection: Connection, installation: str, start: StartReport | None) -> None:
    """Record that work has started, or failed to."""
    if start is not None:
        values = {"installation": installation, "key": start.key, "has_started": start.has_started}
        connection.execute(text(statements.REPORT_START), values)


def _settle_results(connection: Connection, batch: BatchRecord, changes: Sequence[SettleResult]) -> int:
    direction = batch.objective.direction
    rows = [
        {
            **_attempt(change.attempt),
            **_recorded(change.outcome),
            **_result(change, direction),
            "recorded_at": change.outcome.recorded_at.isoformat(),
        }
        for change in changes
    ]
    return _run(connection, rows, statements.SETTLE_RESULTS, statements.END_SUCCEEDED_ATTEMPTS)


def _settle_failures(connection: Connection, _batch: BatchRecord, changes: Sequence[SettleFailure]) -> int:
    rows = [
        {
            **_attempt(change.attempt),
            **(_recorded(change.outcome) if change.outcome else {}),
            "state": change.state.value,
            "reason": change.reason.value,
            "message": change.message,
            "is_charged": None if change.charge is Charge.NOTHING else change.charge is Charge.CHARGED,
            "is_open": change.outcome is None,
            "charged": change.charged,
            "uncharged": change.uncharged,
            "pack_limit": change.pack_limit,
        }
        for change in changes
    ]
    return _run(connection, rows, statements.SETTLE_FAILURES, statements.END_FAILED_ATTEMPTS)


def _set_aside(connection: Connection, _batch: BatchRecord, changes: Sequence[SetAside]) -> int:
    rows = [
        {
            **_attempt(change.attempt),
            **_recorded(change.outcome),
            "message": change.message,
            "pack_limit": change.pack_limit,
            "fingerprint": change.fingerprint,
        }
        for change in changes
    ]
    return _run(connection, rows, statements.SET_ASIDE_BACKTESTS, statements.SET_ASIDE_ATTEMPTS)


def _close_outcomes(connection: Connection, _batch: BatchRecord, changes: Sequence[CloseOutcome]) -> int:
    rows = [{**_attempt(change.attempt), **_recorded(change.outcome)} for change in changes]
    return _run(connection, rows, statements.CLOSE_OUTCOMES)


def _mark_packs(connection: Connection, _batch: BatchRecord, changes: Sequence[MarkPack]) -> int:
    rows = [
        {
            "pack_id": change.pack.id,
            "state": (BacktestState.RUNNING if change.pack.has_job else BacktestState.LAUNCHING).value,
            **{name: _text(getattr(change.pack, name)) for name in _MARKED_MOMENTS},
            "start_tries": change.pack.start_tries,
            "waiting_reason": change.pack.waiting_reason,
            "pod_name": change.pod_name,
            "node_name": change.pack.node_name,
            "image_digest": change.pack.image_digest,
        }
        for change in changes
    ]
    return _run(connection, rows, statements.MARK_BACKTESTS, statements.MARK_FIRST_ATTEMPTS, statements.MARK_PACKS)


def _end_packs(_connection: Connection, _batch: BatchRecord, _changes: Sequence[EndPack]) -> int:
    """Write nothing: the batch's own row says what follows from the end of a pack, and its members have their ends."""
    return 0


def _launch_packs(connection: Connection, batch: BatchRecord, changes: Sequence[LaunchPack]) -> int:
    _run(connection, [_pack(change.pack) for change in changes], statements.LAUNCH_PACKS)
    rows = [_launch(batch, change.pack, launch) for change in changes for launch in change.members]
    launched = _run(connection, rows, statements.LAUNCH_ATTEMPTS)
    if launched < len(rows):
        ids = [row["attempt_id"] for row in rows]
        known = connection.execute(text(statements.COUNT_ATTEMPTS), {"ids": ids}).scalar_one()
        if known < len(ids):
            # Nothing else writes these rows, so the plan was made on others than ours: no Job may follow from it.
            raise Conflict(
                f"batch {batch.uid}: {len(ids) - known} attempts cannot be launched, because their backtests have changed"
            )
    return launched


_WRITERS: Mapping[type[Any], Callable[[Connection, BatchRecord, Any], int]] = {
    SettleResult: _settle_results,
    SettleFailure: _settle_failures,
    SetAside: _set_aside,
    DropWarm: drop_warm_results,
    CloseOutcome: _close_outcomes,
    MarkPack: _mark_packs,
    EndPack: _end_packs,
    LaunchPack: _launch_packs,
}


_MARKED_MOMENTS = (
    "job_seen_at",
    "engine_started_at",
    "start_deadline_at",
    "hard_deadline_at",
    "waiting_since",
    "retry_at",
)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _run(connection: Connection, rows: Rows, *texts: str) -> int:
    # A pod or an API server says what it likes; its words must not keep a batch from being saved.
    body = {"rows": dump_storable(rows)}
    return sum(connection.execute(text(each), body).rowcount for each in texts)


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        "attempt_id": attempt.id,
        "backtest_id": backtest_id(attempt.batch_uid, attempt.index),
        "batch_uid": attempt.batch_uid,
        "number": attempt.number,
    }


def _pack(pack: PackRecord) -> dict[str, Any]:
    return {
        "pack_id": pack.id,
        "batch_uid": pack.batch_uid,
        "index": pack.index,
        "number": pack.number,
        "job_name": pack.job_name,
        "size": pack.size,
        "is_warm": pack.is_warm,
        "launched_at": pack.launched_at.isoformat(),
        "start_deadline_at": pack.start_deadline_at.isoformat(),
        "hard_deadline_at": pack.hard_deadline_at.isoformat(),
        "waiting_reason": pack.waiting_reason,
    }


def _launch(batch: BatchRecord, pack: PackRecord, launch: Launch) -> dict[str, Any]:
    attempt = launch.attempt
    return {
        **_attempt(attempt),
        "pack_id": pack.id,
        "is_warm": pack.is_warm,
        "index": attempt.index,
        "parameters": dict(attempt.parameter_texts),
        "combination": dict(launch.combination),
        "combination_hash": launch.combination_hash,
        "charged": attempt.charged,
        "uncharged": attempt.uncharged,
        "engine": batch.engine,
        "launched_at": attempt.launched_at.isoformat(),
    }


def _recorded(outcome: OutcomeRecord) -> dict[str, Any]:
    started, finished = outcome.engine_started_at, outcome.engine_finished_at
    return {
        "exit_code": outcome.exit_code,
        "engine_started_at": started and started.isoformat(),
        "engine_finished_at": finished and finished.isoformat(),
    }


def _result(change: SettleResult, direction: Direction) -> dict[str, Any]:
    value = change.objective_value
    key = rank_key(value, direction)
    is_ranked = math.isfinite(key)
    return {
        "index": change.attempt.index,
        "objective_value": value if is_ranked else None,
        "rank_key": key if is_ranked else None,  # JSON has no infinity: the statement writes it
        "passed": change.passed,
        "rejections": list(change.rejections),
        "criteria_version": change.criteria_version,
        "run": change.run.value,
        "metrics": dict(change.metrics),
    }

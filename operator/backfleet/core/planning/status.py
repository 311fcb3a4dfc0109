"""Builds the custom resource's status: counters and conditions of bounded size, only what was observed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backfleet.core import wire
from backfleet.core.metrics import as_shown
from backfleet.core.pace import backtests_per_second, estimate_finish, pace_text
from backfleet.core.planning.observation import SeenBatch
from backfleet.core.ranking import mixing_warning
from backfleet.core.records import COMPLETE_REASONS, BatchRecord, BatchState

WAITING_SHOWN = 3
OVERDUE_SHOWN = 20
_MOVING = frozenset({"pace", "estimatedFinishAt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition before it is stamped with generation and time."""

    type: str
    status: str
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusInput:
    """What a status shows in addition to the batch's row."""

    active: int
    """The number of Jobs."""
    max_concurrent: int
    active_backtests: int = 0
    """The number of backtests that those Jobs carry and that have not ended."""
    pack_size: int | None = None
    """How many backtests the next Job carries, where that is not always one."""
    is_suspended: bool = False
    waiting: Sequence[str] = ()
    drift: str | None = None
    conflict: str | None = None
    missing_engine: str | None = None
    warm_refused: str | None = None
    """The engine version whose warm runs are not trusted, where the batch would have some."""
    overdue: Sequence[str] = ()
    """Names of Jobs far past their hard deadline, for example on a lost node."""


def build_status(seen: SeenBatch, record: BatchRecord, present: StatusInput, now: datetime) -> dict[str, Any]:
    """Build the status of an accepted batch. Unchanged conditions keep their times."""
    counters = record.counters
    status: dict[str, Any] = {
        "total": record.total or 0,
        "queued": record.queued(present.active_backtests),
        "active": present.active,
        "activeBacktests": present.active_backtests,
        "succeeded": counters.succeeded,
        "failed": counters.failed,
        "cancelled": counters.cancelled,
        "passed": counters.passed,
        "progress": record.progress,
        "effectiveMaxConcurrent": present.max_concurrent,
        "startedAt": time_text(record.accepted_at),
    }
    if present.pack_size is not None:
        status["effectiveBacktestsPerJob"] = present.pack_size
    if record.best:
        best = record.best
        value = as_shown(record.objective.metric, best.value)
        status["best"] = {"index": best.index, "value": f"{value:.6g}", "parameters": dict(best.parameter_texts)}
    if (pace := backtests_per_second(record, now)) is not None:
        status["pace"] = pace_text(pace)
    if record.finished_at:
        status["finishedAt"] = time_text(record.finished_at)
    elif (estimate := estimate_finish(record, now)) is not None:
        status["estimatedFinishAt"] = time_text(estimate)
    if present.overdue:
        status["overdue"] = sorted(present.overdue)[:OVERDUE_SHOWN]
    conditions = _conditions(record, present)
    status["state"] = state_word(record, present)
    return stamp(seen, status, conditions, now)


def refused_status(seen: SeenBatch, message: str, now: datetime) -> dict[str, Any]:
    """Build the status of a batch that was never accepted: Failed and Finished until it is edited."""
    reason = wire.REASON_SPEC_INVALID
    conditions = [
        Condition(type=wire.CONDITION_ACCEPTED, status="False", reason=reason, message=message),
        Condition(type=wire.CONDITION_PROGRESSING, status="False", reason=reason),
        Condition(type=wire.CONDITION_FAILED, status="True", reason=reason, message=message),
        Condition(type=wire.CONDITION_FINISHED, status="True", reason=reason, message=message),
    ]
    counters = dict.fromkeys(
        ("total", "queued", "active", "activeBacktests", "succeeded", "failed", "cancelled", "passed"), 0
    )
    return stamp(seen, {**counters, "progress": "0/0", "state": reason}, conditions, now)


def database_unavailable_status(seen: SeenBatch, message: str, now: datetime) -> dict[str, Any]:
    """Add DatabaseUnavailable to the present status. All else stays as it was last observed."""
    kind = wire.CONDITION_DATABASE_UNAVAILABLE
    kept = [dict(each) for each in seen.status.get("conditions", []) if each.get("type") != kind]
    unavailable = Condition(type=kind, status="True", reason="PostgresUnavailable", message=message)
    stamped = stamp(seen, {}, [unavailable], now)["conditions"]
    # What was observed before keeps the generation that it was observed at.
    return {**seen.status, "conditions": sorted([*kept, *stamped], key=lambda each: str(each.get("type")))}


def stamp(seen: SeenBatch, status: Mapping[str, Any], conditions: Sequence[Condition], now: datetime) -> dict[str, Any]:
    """Add the conditions, each with the generation and the time of its last change of status."""
    before = {c.get("type"): c for c in seen.status.get("conditions", [])}
    stamped = []
    for condition in sorted(conditions, key=lambda each: each.type):
        old = before.get(condition.type, {})
        same = old.get("status") == condition.status and old.get("lastTransitionTime")
        stamped.append(
            {
                "type": condition.type,
                "status": condition.status,
                "reason": condition.reason,
                "message": condition.message[:1024],
                "observedGeneration": seen.generation,
                "lastTransitionTime": same or time_text(now),
            }
        )
    return {"observedGeneration": seen.generation, **status, "conditions": stamped}


def is_worth_writing(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Report whether to write the status. A changed pace or estimate alone is not a reason."""
    return {k: v for k, v in old.items() if k not in _MOVING} != {k: v for k, v in new.items() if k not in _MOVING}


def state_word(record: BatchRecord, present: StatusInput) -> str:
    """Return the word for the STATUS column. It is for people; nothing decides by it."""
    if record.state is BatchState.FINISHED:
        return record.finish_reason or wire.CONDITION_FINISHED
    if record.state is BatchState.COUNTING:
        return "Counting"
    if present.conflict:
        return wire.CONDITION_NAME_CONFLICT
    if present.missing_engine:
        return wire.CONDITION_ENGINE_UNAVAILABLE
    if present.is_suspended:
        return wire.CONDITION_SUSPENDED
    return "Running" if present.active or record.counters.succeeded or record.counters.failed else "Starting"


def time_text(moment: datetime) -> str:
    """Return RFC 3339 in UTC to the second, as Kubernetes writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _conditions(record: BatchRecord, present: StatusInput) -> list[Condition]:
    conditions = [_accepted(record), _progressing(record, present), *_end_conditions(record)]
    suspended = ("True", "SuspendedByUser") if present.is_suspended else ("False", "NotSuspended")
    conditions.append(Condition(type=wire.CONDITION_SUSPENDED, status=suspended[0], reason=suspended[1]))
    if warm := _warm(record, present.warm_refused):
        conditions.append(warm)
    if mixed := _mixed_versions(record):
        conditions.append(mixed)
    if record.criteria_version > 1:
        conditions.append(_verdicts(record))
    if present.drift:
        conditions.append(
            Condition(type=wire.CONDITION_SPEC_DRIFT, status="True", reason="EditIgnored", message=present.drift)
        )
    if present.conflict:
        conditions.append(
            Condition(type=wire.CONDITION_NAME_CONFLICT, status="True", reason="ForeignJob", message=present.conflict)
        )
    if present.missing_engine and record.state is not BatchState.FINISHED:
        conditions.append(_missing_engine(present.missing_engine))
    return conditions


def _missing_engine(engine: str) -> Condition:
    message = (
        f"this installation has no engine {engine}, so the batch starts nothing. Configure engines.{engine} in the chart's "
        "values, or cancel the batch."
    )
    return Condition(type=wire.CONDITION_ENGINE_UNAVAILABLE, status="True", reason="NotConfigured", message=message)


def _accepted(record: BatchRecord) -> Condition:
    if record.finish_reason == wire.REASON_SPEC_INVALID:
        return Condition(
            type=wire.CONDITION_ACCEPTED,
            status="False",
            reason=wire.REASON_SPEC_INVALID,
            message=record.finish_message or "",
        )
    if record.state is BatchState.COUNTING:
        message = f"counting the combinations that meet the constraints: {record.count_cursor} tested"
        return Condition(type=wire.CONDITION_ACCEPTED, status="Unknown", reason="Counting", message=message)
    message = f"{record.total or 0} combinations"
    return Condition(type=wire.CONDITION_ACCEPTED, status="True", reason="SpecValid", message=message)


def _mixed_versions(record: BatchRecord) -> Condition | None:
    message = mixing_warning(record.engine_versions, record.engine, record.objective.metric)
    if message is None:
        return None
    return Condition(
        type=wire.CONDITION_ENGINE_VERSIONS_MIXED, status="True", reason="SeveralVersions", message=message
    )


def _verdicts(record: BatchRecord) -> Condition:
    """Build VerdictsCurrent, once the criteria were edited. Before, all verdicts are of the only version."""
    criteria = f"version {record.criteria_version} of the success criteria"
    if not record.stale_verdicts:
        message = f"every result is judged by {criteria}"
        return Condition(type=wire.CONDITION_VERDICTS_CURRENT, status="True", reason="Judged", message=message)
    message = f"{criteria} is in force. {record.stale_verdicts} results still have a verdict by an older one"
    return Condition(type=wire.CONDITION_VERDICTS_CURRENT, status="False", reason="Judging", message=message)


def _warm(record: BatchRecord, refused: str | None) -> Condition | None:
    """Return the condition on warm runs: None for a batch that has none. `refused` names the engine version without them."""
    warmth, kind = record.warmth, wire.CONDITION_WARM
    if warmth.difference is not None:
        return Condition(type=kind, status="False", reason="ResultsDiffer", message=warmth.difference)
    if warmth.checked:
        again = f"{warmth.checked} backtests ran again in a fresh process and gave the same"
        message = f"{again}; {warmth.unchecked} were not compared"
        return Condition(type=kind, status="True", reason="ChecksEqual", message=message)
    if warmth.settled:
        return Condition(type=kind, status="True", reason="NotCheckedYet", message="the first check has not ended")
    if warmth.is_hopeless:
        message = f"the first {warmth.failed} warm runs failed: no further one is tried"
        return Condition(type=kind, status="False", reason="NoneSucceeded", message=message)
    if refused is not None:
        message = f"a warm run of {refused} gave another result than a fresh one: no run of it is warm"
        return Condition(type=kind, status="False", reason="VersionRefused", message=message)
    return None


def _progressing(record: BatchRecord, present: StatusInput) -> Condition:
    if record.state is BatchState.FINISHED:
        return Condition(type=wire.CONDITION_PROGRESSING, status="False", reason=record.finish_reason or "Finished")
    if record.state is BatchState.COUNTING:
        return Condition(type=wire.CONDITION_PROGRESSING, status="True", reason="Counting")
    if present.waiting:
        message = "; ".join(sorted(set(present.waiting))[:WAITING_SHOWN])
        return Condition(type=wire.CONDITION_PROGRESSING, status="True", reason="WaitingToStart", message=message)
    if present.is_suspended:
        return Condition(type=wire.CONDITION_PROGRESSING, status="False", reason="Suspended")
    if present.missing_engine and not present.active:
        reason = wire.CONDITION_ENGINE_UNAVAILABLE
        return Condition(type=wire.CONDITION_PROGRESSING, status="False", reason=reason)
    reason = "BacktestsRunning" if present.active else "WaitingForSlot"
    return Condition(type=wire.CONDITION_PROGRESSING, status="True", reason=reason)


def _end_conditions(record: BatchRecord) -> list[Condition]:
    if record.state is not BatchState.FINISHED:
        undecided = (wire.CONDITION_COMPLETE, wire.CONDITION_FAILED, wire.CONDITION_FINISHED)
        return [Condition(type=kind, status="False", reason="NotFinished") for kind in undecided]
    reason, message = record.finish_reason or "", record.finish_message or ""
    is_complete = reason in COMPLETE_REASONS
    flags = {
        wire.CONDITION_COMPLETE: is_complete,
        wire.CONDITION_FAILED: not is_complete,
        wire.CONDITION_FINISHED: True,
    }
    return [
        Condition(type=kind, status="True" if flag else "False", reason=reason, message=message if flag else "")
        for kind, flag in flags.items()
    ]

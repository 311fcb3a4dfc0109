"""Describes a batch that Postgres does not know from its custom resource alone: pending, or refused.

Only the schema has checked a custom resource, if anything, so nothing here relies on a field to exist.
"""

from collections.abc import Mapping
from typing import Any

from backfleet.core import ranking, wire
from backfleet.core.metrics import METRICS
from backfleet.core.ranking import Direction
from backfleet.core.spec.defaults import BACKTESTS_PER_JOB, MAX_CONCURRENT
from backfleet.core.spec.fields import AUTO
from backfleet_api.cluster import ClusterBatch
from backfleet_api.reading.answers import ended_phase, numbers, objective_answer
from backfleet_api.schemas.reading import Batch, BatchPhase, Counts, Finish

WAITING = "the operator has not accepted it yet"


def describe_pending(seen: ClusterBatch) -> Batch:
    """Describe the batch in full, as far as its custom resource allows."""
    finished, accepted = (_condition(seen, kind) for kind in (wire.CONDITION_FINISHED, wire.CONDITION_ACCEPTED))
    is_refused = accepted.get("status") == "False"
    verdict = finished if finished.get("status") == "True" else accepted if is_refused else None
    finish = None
    if verdict is not None:
        finish = Finish(reason=_text(verdict, "reason"), message=_text(verdict, "message"))
    return Batch(
        batch_id=seen.uid,
        name=seen.name,
        namespace=seen.namespace,
        state=ended_phase(finish.reason) if finish else BatchPhase.PENDING,
        strategy=_text(_object(seen.spec, "strategy"), "name"),
        engine=_text(_object(seen.spec, "engine"), "name"),
        objective=objective_answer(_objective(_object(seen.spec, "objective"))),
        counts=_counts(seen.status),
        progress=_text(seen.status, "progress") or "0/0",
        best=None,
        accepted_at=None,
        finished_at=None,
        finish=finish,
        max_concurrent=_count(seen.spec, "maxConcurrent") or MAX_CONCURRENT,
        backtests_per_job=_pack_size(seen.spec),
        started_at=None,
        pace=None,
        backtests_per_minute=None,
        estimated_finish_at=None,
        criteria=numbers(_object(seen.spec, "successCriteria")),
        criteria_version=0,
        stale_verdicts=0,
        engine_versions=[],
        warnings=[],
        advice=[],
        labels=dict(seen.labels),
        submitter=None,
        message=None if finish else _text(accepted, "message") or WAITING,
        spec=dict(seen.spec),
    )


def _pack_size(spec: Mapping[str, Any]) -> int | str:
    return AUTO if spec.get("backtestsPerJob") == AUTO else _count(spec, "backtestsPerJob") or BACKTESTS_PER_JOB


def objective_of_pending(seen: ClusterBatch) -> ranking.Objective:
    """Return the objective that would rank its results."""
    return _objective(_object(seen.spec, "objective"))


def _objective(declared: Mapping[str, Any]) -> ranking.Objective:
    metric, direction = _text(declared, "metric"), _text(declared, "direction")
    known = metric if metric in METRICS else ranking.Objective().metric
    return ranking.Objective.of(known, Direction(direction) if direction in set(Direction) else None)


def _counts(status: Mapping[str, Any]) -> Counts:
    total = _count(status, "total")
    names = ("queued", "active", "succeeded", "failed", "cancelled", "passed")
    return Counts(total=total or None, **{name: _count(status, name) for name in names})


def _condition(seen: ClusterBatch, kind: str) -> Mapping[str, Any]:
    conditions = seen.status.get("conditions") or []
    return next((each for each in conditions if each.get("type") == kind), {})


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _count(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0

"""Builds what the rules of a pass read, as values at the time `NOW`. A test states only what matters to it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from backfleet.controller.limits import available_strategies
from backfleet.core.backtests import BacktestState
from backfleet.core.planning.accept import accept
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import CreateJob, DeleteJob
from backfleet.core.planning.launch import job_shape
from backfleet.core.planning.observation import JobState, Observation, SeenBatch, SeenContainer, SeenJob, SeenPod
from backfleet.core.records import AttemptRecord, BatchRecord, BatchState, Measured, OutcomeRecord, StoreView
from tests.support.jobs import BATCH, NOW, UID, build_attempt, build_request
from tests.support.operator import batch_spec, build_settings
from tests.support.packs import pack_of

STRATEGIES = available_strategies(build_settings())
ENDS_AT = NOW + timedelta(seconds=3_600)
"""The hard deadline of attempts, Jobs and pods."""


def after(seconds: float) -> datetime:
    """Return the time so long after `NOW`, or before it."""
    return NOW + timedelta(seconds=seconds)


def build_batch(**spec: Any) -> SeenBatch:
    """Build a custom resource of the engine noop with six combinations. Keyword arguments replace fields of its spec."""
    return SeenBatch(
        uid=UID, name=BATCH.name, namespace=BATCH.namespace, generation=1, created_at=NOW, spec=batch_spec(**spec)
    )


def build_draft(*attempts: AttemptRecord, spec: dict[str, Any] | None = None, **row: Any) -> Draft:
    """Build a batch that has run for an hour, with these live attempts. `spec` and `row` replace fields of those."""
    batch = build_batch(**(spec or {}))
    accepted = accept(build_observation(batch), batch, None)
    known: dict[str, Any] = {"state": BatchState.LIVE, "total": 6, "accepted_at": after(-3_600)}
    record = replace(accepted.record, **(known | row))
    return replace(accepted, before=record, record=record, attempts={each.index: each for each in attempts})


def build_observation(*batches: SeenBatch, rows: tuple[BatchRecord, ...] = (), **seen: Any) -> Observation:
    """Build an observation of these batches and rows. Keyword arguments replace its fields."""
    known: dict[str, Any] = {"namespaces": frozenset({BATCH.namespace}), "strategies": STRATEGIES}
    store = StoreView(now=NOW, batches=rows)
    return Observation(**known | {"now": NOW, "batches": batches, "store": store} | seen)


def build_running(index: int = 0, number: int = 1, **changes: Any) -> AttemptRecord:
    """Build an attempt whose engine has run for a minute."""
    running = {"backtest_state": BacktestState.RUNNING, "job_seen_at": after(-70), "engine_started_at": after(-60)}
    return build_attempt(index, number, **{"launched_at": after(-70)} | running | changes)


def build_job(attempt: AttemptRecord, **changes: Any) -> SeenJob:
    """Build the unfinished Job of an attempt, a minute old."""
    job = SeenJob(
        name=attempt.job_name,
        namespace=BATCH.namespace,
        uid=f"job-{attempt.index}",
        owner_uid=attempt.batch_uid,
        key=attempt.key,
        state=JobState.ACTIVE,
        created_at=after(-60),
        deadline_at=ENDS_AT,
    )
    return replace(job, **changes)


def build_pod(job: SeenJob, **changes: Any) -> SeenPod:
    """Build the pod of a Job, on a node, its engine not started."""
    pod = SeenPod(
        name=f"{job.name}-x",
        namespace=job.namespace,
        key=job.key,
        is_terminal=False,
        created_at=job.created_at,
        scheduled_at=job.created_at,
        deadline_at=ENDS_AT,
        owner_uid=job.uid,
        owner_name=job.name,
    )
    return replace(pod, **changes)


def build_outcome(attempt: AttemptRecord, ending: Any = None, **changes: Any) -> OutcomeRecord:
    """Build what a recorder appended for an attempt: a Sharpe ratio of 1, unless `ending` says otherwise."""
    measured = Measured(metrics={"sharpe_ratio": 1.0, "total_trades": 5})
    outcome = OutcomeRecord(attempt_id=attempt.id, recorded_at=NOW, ending=ending or measured, exit_code=0)
    return replace(outcome, **changes)


def deletion(job: SeenJob) -> DeleteJob:
    return DeleteJob(namespace=job.namespace, name=job.name, uid=job.uid)


def creation(draft: Draft, attempt: AttemptRecord) -> CreateJob:
    """Return the effect that creates an attempt's Job."""
    pack = pack_of(build_request(**attempt.parameter_texts), attempt.batch_uid, *attempt.key[1:])
    return CreateJob(batch=BATCH, attempt=attempt, pack=pack, shape=job_shape(draft))


WAITS_FOR_IMAGE = SeenContainer(waiting_reason="ErrImagePull", waiting_message="not found")

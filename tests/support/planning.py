"""Builds what the rules of a pass read, as values at the time `NOW`. A test states only what matters to it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from backfleet.controller.limits import available_strategies
from backfleet.core.backtests import BacktestState
from backfleet.core.packs import Member, PackRecord, PackRequest
from backfleet.core.planning.accept import accept
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import CreateJob, DeleteJob
from backfleet.core.planning.launch import job_shape
from backfleet.core.planning.observation import JobState, Observation, SeenBatch, SeenContainer, SeenJob, SeenPod
from backfleet.core.records import AttemptRecord, BatchRecord, BatchState, Measured, OutcomeRecord, StoreView
from tests.support.jobs import BATCH, NOW, UID, build_attempt, build_pack, build_request
from tests.support.operator import batch_spec, build_settings

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


def build_draft(*live: AttemptRecord | PackRecord, spec: dict[str, Any] | None = None, **row: Any) -> Draft:
    """Build a batch that has run for an hour, with these packs and attempts. `spec` and `row` replace fields of those.

    A pack brings its members along: attempts from its index on.
    """
    batch = build_batch(**(spec or {}))
    accepted = accept(build_observation(batch), batch, None)
    known: dict[str, Any] = {"state": BatchState.LIVE, "total": 6, "accepted_at": after(-3_600)}
    record = replace(accepted.record, **(known | row))
    packs = [each for each in live if isinstance(each, PackRecord)]
    return replace(
        accepted,
        before=record,
        record=record,
        packs={each.id: each for each in packs},
        members={each.id: {member.index: member for member in build_members(each)} for each in packs},
        queued={each.index: each for each in live if isinstance(each, AttemptRecord)},
    )


def build_observation(*batches: SeenBatch, rows: tuple[BatchRecord, ...] = (), **seen: Any) -> Observation:
    """Build an observation of these batches and rows. Keyword arguments replace its fields."""
    known: dict[str, Any] = {"namespaces": frozenset({BATCH.namespace}), "strategies": STRATEGIES}
    store = StoreView(now=NOW, batches=rows)
    return Observation(**known | {"now": NOW, "batches": batches, "store": store} | seen)


def build_running(index: int = 0, number: int = 1, **changes: Any) -> PackRecord:
    """Build a pack whose engine has run for a minute."""
    running = {"job_seen_at": after(-70), "engine_started_at": after(-60), "launched_at": after(-70)}
    return build_pack(index, number, **running | changes)


def build_members(pack: PackRecord, **changes: Any) -> list[AttemptRecord]:
    """Build the unsettled members of a pack, which are its last ones."""
    state = BacktestState.RUNNING if pack.has_job else BacktestState.LAUNCHING
    given = {"pack_id": pack.id, "backtest_state": state, "launched_at": pack.launched_at} | changes
    indexes = range(pack.index + pack.size - pack.unsettled, pack.index + pack.size)
    return [build_attempt(index, pack.number, **given) for index in indexes]


def build_member(pack: PackRecord, **changes: Any) -> AttemptRecord:
    """Build the only member of a pack."""
    (member,) = build_members(pack, **changes)
    return member


def build_job(pack: PackRecord, **changes: Any) -> SeenJob:
    """Build the unfinished Job of a pack, a minute old."""
    job = SeenJob(
        name=pack.job_name,
        namespace=BATCH.namespace,
        uid=f"job-{pack.index}",
        owner_uid=pack.batch_uid,
        key=pack.key,
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


def creation(draft: Draft, pack: PackRecord, *members: AttemptRecord) -> CreateJob:
    """Return the effect that creates a pack's Job."""
    named = members or tuple(build_members(pack))
    return CreateJob(
        batch=BATCH,
        pack=pack,
        request=PackRequest(
            batch_uid=pack.batch_uid,
            common=replace(build_request(), parameter_texts={}),
            members=tuple(
                Member(index=each.index, number=each.number, parameter_texts=each.parameter_texts) for each in named
            ),
        ),
        shape=job_shape(draft),
    )


WAITS_FOR_IMAGE = SeenContainer(waiting_reason="ErrImagePull", waiting_message="not found")

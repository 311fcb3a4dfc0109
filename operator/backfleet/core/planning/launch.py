"""Decides which combination runs next, with its attempt and Job."""

import zlib
from dataclasses import replace
from datetime import timedelta

from backfleet.core.backtests import BacktestRequest, BacktestState
from backfleet.core.changes import AttemptChange, LaunchAttempt
from backfleet.core.packs import Member, PackRequest
from backfleet.core.planning.attempt_changes import marked
from backfleet.core.planning.decision import Decision, join
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import ClaimRef, CreateJob, JobShape
from backfleet.core.planning.job_names import job_name
from backfleet.core.planning.observation import RefusalKind
from backfleet.core.planning.start import StartProblem, is_recorder_doubtful
from backfleet.core.planning.waiting import postpone, with_time_to_start
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, BatchState
from backfleet.core.space.constraints import cost_of_test, next_satisfying, work_between
from backfleet.core.spec.model import VolumeSpec


def may_launch(draft: Draft) -> bool:
    """Report whether a batch may start something: live, not suspended, with its engine, and with recorders that start."""
    return draft.record.state is BatchState.LIVE and not draft.is_paused and draft.decided.recorder_problem is None


def has_more(draft: Draft) -> bool:
    """Report whether something is left that has no attempt now."""
    return has_queued(draft) or draft.record.next_index < draft.work.space.total


def has_queued(draft: Draft) -> bool:
    """Report whether a backtest waits for another attempt."""
    return any(attempt.backtest_state is BacktestState.QUEUED for attempt in draft.attempts.values())


def launch_one(draft: Draft, walk_limit: int) -> Decision:
    """Launch the lowest queued index, or else the next combination. Start nothing if this pass does not find one.

    The search costs at most `walk_limit` units of work, plus one test.
    """
    queued = [i for i, attempt in draft.attempts.items() if attempt.backtest_state is BacktestState.QUEUED]
    if queued:
        return _launch(draft, min(queued), draft.attempts[min(queued)])
    record, work = draft.record, draft.work
    if work.has_constraints and not _may_search(draft, walk_limit):
        return Decision(look_again_at=draft.now)
    found, cursor = next_satisfying(work.space, work.constraints, record.next_index, 1, walk_limit)
    walked = work_between(work.space, work.constraints, record.next_index, cursor)
    searched = Decision(next_index=cursor, walked=walked)
    if found:
        return join((searched, _launch(draft, found[0], None)))
    return replace(searched, look_again_at=draft.now) if cursor < work.space.total else searched


def _may_search(draft: Draft, walk_limit: int) -> bool:
    """Report whether another test is within the draft's share of the pass.

    If one test costs more than what is left, it runs in one of several passes, chosen by time and batch.
    """
    if walk_limit <= 0:
        return False
    passes = -(-cost_of_test(draft.work.constraints) // walk_limit)
    return zlib.crc32(f"{draft.record.uid} {draft.now.isoformat()}".encode()) % passes == 0


def try_again(draft: Draft, attempt: AttemptRecord) -> Decision:
    """Create a waiting attempt's Job (again). The name is the same, so an existing Job is only found."""
    after = with_time_to_start(draft, attempt, _deadline_seconds(draft))
    tried = Decision(launched_at=draft.now, changes=marked(attempt, after))
    return join((tried, _create(draft, after)))


def job_shape(draft: Draft) -> JobShape:
    """Return what the batch's present spec says about a new Job."""
    spec = draft.work.spec
    return JobShape(
        backtest_timeout_seconds=spec.failure_policy.backtest_timeout_seconds,
        deadline_seconds=_deadline_seconds(draft),
        ttl_seconds=spec.ttl_seconds_after_finished,
        pack_seconds=draft.limits.pack_seconds,
        image=spec.engine.image,
        requests=spec.resources.requests.model_dump(exclude_none=True),
        data_volume=_claim(spec.data.volume),
        projects_volume=_claim(spec.strategy.volume),
    )


def _claim(volume: VolumeSpec | None) -> ClaimRef | None:
    return ClaimRef(claim_name=volume.claim_name, sub_path=volume.sub_path) if volume else None


def _deadline_seconds(draft: Draft) -> int:
    policy, limits = draft.work.spec.failure_policy, draft.limits
    return (
        policy.start_timeout_seconds
        + policy.backtest_timeout_seconds
        + limits.recorder_start_seconds
        + limits.recorder_seconds
        + limits.deadline_slack_seconds
    )


def _launch(draft: Draft, index: int, previous: AttemptRecord | None) -> Decision:
    combination = draft.work.space.combination(index)
    number = previous.number + 1 if previous else 1
    attempt = AttemptRecord(
        batch_uid=draft.seen.uid,
        index=index,
        number=number,
        job_name=job_name(draft.seen.name, draft.seen.uid, index, number),
        backtest_state=BacktestState.LAUNCHING,
        charged=previous.charged if previous else 0,
        uncharged=previous.uncharged if previous else 0,
        parameter_texts=combination.texts,
        launched_at=draft.now,
        start_deadline_at=draft.now + timedelta(seconds=draft.start_timeout_seconds),
        hard_deadline_at=draft.now + timedelta(seconds=_deadline_seconds(draft)),
    )
    launch = LaunchAttempt(attempt=attempt, combination=combination.to_json(), combination_hash=combination.digest)
    changes: tuple[AttemptChange, ...] = (launch,)
    if previous is not None and is_recorder_doubtful(previous):
        doubtful = replace(attempt, waiting_reason=FailureReason.RECORDER_NOT_STARTED.value)
        changes, attempt = (launch, *marked(attempt, doubtful)), doubtful
    return join((Decision(launched_at=draft.now, changes=changes), _create(draft, attempt)))


def _create(draft: Draft, attempt: AttemptRecord) -> Decision:
    try:
        pack = _pack(draft, attempt)
    except Exception as error:  # noqa: BLE001 - whatever it is, the attempt waits with a deadline as for any other refusal
        problem = StartProblem(kind=RefusalKind.NOT_BUILT, message=f"{type(error).__name__}: {error}")
        return postpone(draft, attempt, problem)
    create = CreateJob(batch=draft.ref, attempt=attempt, pack=pack, shape=job_shape(draft))
    return Decision(creates=(create,))


def _pack(draft: Draft, attempt: AttemptRecord) -> PackRequest:
    member = Member(index=attempt.index, number=attempt.number, parameter_texts=attempt.parameter_texts)
    return PackRequest(
        batch_uid=draft.seen.uid, common=_common_request(draft), members=(member,), space=draft.work.space
    )


def _common_request(draft: Draft) -> BacktestRequest:
    """Return the request of every backtest, without its parameters."""
    spec = draft.work.spec
    return BacktestRequest(
        engine=spec.engine.name.value,
        strategy=spec.strategy.name,
        lean_project_path=spec.strategy.lean_project_path,
        lean_algorithm_file=spec.strategy.lean_algorithm_file,
        lean_algorithm_type=spec.strategy.lean_algorithm_type,
        parameter_texts={},
        symbols=tuple(spec.data.symbols),
        start_date=spec.data.start_date,
        end_date=spec.data.end_date,
        initial_cash=spec.data.initial_cash,
        prices=spec.data.prices,
    )

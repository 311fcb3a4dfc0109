"""Converts what the store returns to what the API answers, and decides which state of a batch the API shows. Pure."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from backfleet.core import ranking, wire
from backfleet.core.backtests import PROVENANCE_IMAGE, PROVENANCE_VERSION, BacktestState, backtest_id
from backfleet.core.pace import advise_packs, backtests_per_second, estimate_finish, pace_text, round_figures
from backfleet.core.records import COMPLETE_REASONS, BatchState
from backfleet.core.space.parameters import Combination, ParameterSpace
from backfleet.store.queries import answers as stored
from backfleet_api.reading.local_command import local_command
from backfleet_api.schemas.backtests import BacktestRow
from backfleet_api.schemas.reading import (
    Attempt,
    Backtest,
    BacktestResult,
    Batch,
    BatchPhase,
    BatchSummary,
    Best,
    Counts,
    EquityPoint,
    Finding,
    Finish,
    Metrics,
    Objective,
    Parameters,
    RankedResult,
)

CANCELLED_REASONS = frozenset({wire.REASON_CANCELLED, wire.REASON_DELETED})


def phase_of(batch: stored.BatchAnswer) -> BatchPhase:
    """Return the state of a batch that Postgres knows."""
    if batch.record.state is BatchState.COUNTING:
        return BatchPhase.COUNTING
    if batch.record.state is BatchState.FINISHED:
        return ended_phase(batch.record.finish_reason)
    return BatchPhase.SUSPENDED if batch.record.is_suspended else BatchPhase.RUNNING


def ended_phase(reason: str | None) -> BatchPhase:
    """Return the state of a batch that has ended, from the reason of its Finished condition."""
    if reason in COMPLETE_REASONS:
        return BatchPhase.COMPLETE
    return BatchPhase.CANCELLED if reason in CANCELLED_REASONS else BatchPhase.FAILED


def summarize_batch(batch: stored.BatchAnswer) -> BatchSummary:
    """Describe a batch as lists show it."""
    counters, is_finished = batch.record.counters, batch.record.state is BatchState.FINISHED
    finish = Finish(reason=batch.record.finish_reason or "", message=batch.record.finish_message or "")
    return BatchSummary(
        batch_id=batch.record.uid,
        name=batch.record.name,
        namespace=batch.record.namespace,
        state=phase_of(batch),
        strategy=batch.strategy,
        engine=batch.engine,
        objective=objective_answer(batch.objective),
        counts=Counts(
            total=batch.record.total,
            queued=batch.record.queued(batch.active),
            active=batch.active,
            succeeded=counters.succeeded,
            failed=counters.failed,
            cancelled=counters.cancelled,
            passed=counters.passed,
        ),
        progress=batch.record.progress,
        best=_best(batch),
        accepted_at=batch.record.accepted_at,
        finished_at=batch.record.finished_at,
        finish=finish if is_finished else None,
    )


def describe_batch(batch: stored.BatchAnswer, now: datetime) -> Batch:
    """Describe a batch in full."""
    record = batch.record
    pace = backtests_per_second(record, now)
    return Batch(
        **dict(summarize_batch(batch)),
        max_concurrent=batch.record.max_concurrent,
        backtests_per_job=batch.record.backtests_per_job,
        started_at=batch.record.first_engine_started_at,
        pace=None if pace is None else pace_text(pace),
        backtests_per_minute=None if pace is None else round_figures(pace * 60),
        estimated_finish_at=estimate_finish(record, now),
        criteria=numbers(batch.record.criteria),
        criteria_version=batch.record.criteria_version,
        stale_verdicts=batch.record.stale_verdicts,
        engine_versions=list(batch.record.engine_versions),
        warnings=mixing_warnings(batch, batch.objective),
        advice=[advice] if (advice := advise_packs(record)) else [],
        labels=dict(batch.record.labels),
        submitter=batch.record.submitter,
        message=None,
        spec=dict(batch.record.spec),
    )


def rank_answer(result: stored.RankedResult) -> RankedResult:
    """Describe one row of a ranking."""
    return RankedResult(
        rank=result.rank,
        backtest_id=result.backtest_id,
        index=result.index,
        value=finite(result.value),
        parameters=stored_combination(result.combination),
        metrics=metrics_answer(result.metrics),
        passed=result.passed,
        rejections=list(result.rejections),
        criteria_version=result.criteria_version,
        run=result.run,
        engine_version=result.provenance.get(PROVENANCE_VERSION),
        engine_image=result.provenance.get(PROVENANCE_IMAGE),
    )


def mixing_warnings(batch: stored.BatchAnswer, order: ranking.Objective) -> list[str]:
    """Return warnings about results of several engine versions in that order."""
    warning = ranking.mixing_warning(batch.record.engine_versions, batch.engine, order.metric)
    return [] if warning is None else [warning]


def describe_backtest(found: stored.BacktestAnswer) -> Backtest:
    """Describe a backtest that was launched."""
    return Backtest(
        backtest_id=found.backtest.id,
        batch_id=found.batch_uid,
        batch_name=found.batch_name,
        index=found.backtest.index,
        state=found.backtest.state,
        parameters=stored_combination(found.backtest.combination),
        attempts=[_attempt(each) for each in found.attempts],
        log_tail=next((each.message for each in reversed(found.attempts) if each.reason and each.message), None),
        command=local_command(found.spec, found.engine, found.backtest.combination.texts),
        result=_result(found.result) if found.result else None,
    )


def list_backtest(found: stored.BacktestSummary) -> BacktestRow:
    """Describe a launched backtest as lists show it."""
    return BacktestRow(
        backtest_id=found.id,
        index=found.index,
        state=found.state,
        parameters=stored_combination(found.combination),
        attempts=found.attempt_count,
        reason=found.reason,
        message=found.message,
        started_at=found.started_at,
        finished_at=found.finished_at,
    )


def describe_unlaunched(batch: stored.BatchAnswer, combination: Combination) -> Backtest:
    """Describe a backtest that was never launched: queued, or cancelled if the batch has ended."""
    is_finished = batch.record.state is BatchState.FINISHED
    return Backtest(
        backtest_id=backtest_id(batch.record.uid, combination.index),
        batch_id=batch.record.uid,
        batch_name=batch.record.name,
        index=combination.index,
        state=BacktestState.CANCELLED if is_finished else BacktestState.QUEUED,
        parameters=combination_answer(combination),
        attempts=[],
        log_tail=None,
        command=local_command(batch.record.spec, batch.engine, combination.texts),
        result=None,
    )


def objective_answer(objective: ranking.Objective) -> Objective:
    """Return an objective as the API shows it."""
    return Objective(metric=objective.metric, direction=objective.direction)


def stored_combination(combination: stored.CombinationAnswer) -> Parameters:
    """Return a stored combination as values and texts."""
    return Parameters(values=dict(combination.values), texts=dict(combination.texts))


def combination_answer(combination: Combination) -> Parameters:
    """Return a computed combination as values and texts."""
    return Parameters(values=combination.to_json(), texts=combination.texts)


def finite(value: Any) -> int | float | None:  # noqa: ANN401 - whatever JSON held
    """Return a finite number as it is, and None for everything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None


def metrics_answer(metrics: Mapping[str, Any]) -> Metrics:
    """Return every metric, absent ones as None."""
    return {name: finite(value) for name, value in metrics.items()}


def numbers(values: Mapping[str, Any]) -> dict[str, int | float]:
    """Return the entries whose values are numbers."""
    return {name: number for name, value in values.items() if (number := finite(value)) is not None}


def _best(batch: stored.BatchAnswer) -> Best | None:
    best = batch.record.best
    if best is None or (value := finite(best.value)) is None:
        return None
    return Best(
        backtest_id=backtest_id(batch.record.uid, best.index),
        index=best.index,
        value=value,
        parameters=combination_answer(ParameterSpace.from_json(batch.record.axes).combination(best.index)),
    )


def _attempt(attempt: stored.AttemptAnswer) -> Attempt:
    return Attempt(
        number=attempt.number,
        job_name=attempt.job_name,
        pod_name=attempt.pod_name,
        launched_at=attempt.launched_at,
        engine_started_at=attempt.engine_started_at,
        ended_at=attempt.ended_at,
        exit_code=attempt.exit_code,
        reason=attempt.reason.value if attempt.reason else None,
        message=attempt.message,
    )


def _result(result: stored.ResultAnswer) -> BacktestResult:
    return BacktestResult(
        metrics=metrics_answer(result.metrics),
        passed=result.passed,
        rejections=list(result.rejections),
        criteria_version=result.criteria_version,
        run=result.run,
        statistics=dict(result.statistics),
        equity_curve=[EquityPoint(date=day, equity=value) for day, value in result.equity_curve],
        warnings=list(result.warnings),
        provenance=dict(result.provenance),
        analysis=[Finding(**asdict(finding)) for finding in result.analysis],
    )

"""Decides which success criteria are in force, and gives results with older verdicts new ones.

An edit increases the version of the criteria and makes every verdict stale. Each pass decides a part of the stale
verdicts, so that a large batch delays no other. New outcomes are judged by the criteria in force.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from backfleet.core import wire
from backfleet.core.changes import JudgeResult
from backfleet.core.criteria import SuccessCriteria, judge, merge
from backfleet.core.errors import SpecInvalid
from backfleet.core.planning.effects import BatchRef, PostEvent
from backfleet.core.records import BatchRecord, StoredCatalog
from backfleet.core.spec.model import parse_criteria
from backfleet.core.spec.snapshot import CRITERIA, declared_criteria
from backfleet.core.stale import StaleLook


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A batch under its present criteria. `fault` says why an edit of them is not in force."""

    record: BatchRecord
    verdicts: tuple[JudgeResult, ...] = ()
    fault: str | None = None


def effective_criteria(declared: object, strategy_name: str, catalog: StoredCatalog) -> SuccessCriteria:
    """Return the batch's criteria, else the strategy's, else the default. SpecInvalid if the batch's are not valid."""
    strategy = catalog.strategies.get(strategy_name)
    has_own = strategy is not None and strategy.criteria is not None
    return merge(
        parse_criteria(declared),
        SuccessCriteria.from_json(strategy.criteria or {}) if strategy is not None and has_own else None,
        SuccessCriteria.from_json(catalog.default_criteria),
    )


def review(record: BatchRecord, present: Mapping[str, Any], catalog: StoredCatalog, look: StaleLook | None) -> Review:
    """Apply an edit of the criteria, and judge the stale results that were read.

    If criteria are not valid, the last valid ones stay in force. Without an edit the record's criteria stay, whatever
    the catalog says now.
    """
    declared, fault = present.get(CRITERIA), None
    if declared != declared_criteria(record):
        try:
            record = _edited(record, declared, catalog)
        except SpecInvalid as error:
            fault = f"not in force: {error}"
    record, verdicts = judge_stale(record, look)
    return Review(record=record, verdicts=verdicts, fault=fault)


def judge_stale(record: BatchRecord, look: StaleLook | None) -> tuple[BatchRecord, tuple[JudgeResult, ...]]:
    """Judge some stale results by the criteria in force, and count those that pass."""
    if look is None or not record.stale_verdicts or look.criteria_version != record.criteria_version:
        return record, ()
    criteria = SuccessCriteria.from_json(record.criteria)
    passed, verdicts = record.counters.passed, []
    for result in look.results:
        verdict = judge(result.metrics, criteria)
        passed += verdict.passed - result.passed
        verdicts.append(
            JudgeResult(
                backtest_id=result.backtest_id,
                passed=verdict.passed,
                rejections=verdict.rejections,
                criteria_version=record.criteria_version,
            )
        )
    left = max(1, record.stale_verdicts - len(verdicts)) if look.has_more else 0
    after = replace(record, stale_verdicts=left, counters=replace(record.counters, passed=passed))
    return after, tuple(verdicts)


def criteria_events(ref: BatchRef, before: BatchRecord | None, after: BatchRecord) -> Iterable[PostEvent]:
    """Return events for new criteria in force, and for the end of judging by them."""
    if before is None:
        return
    counters = after.counters
    criteria = f"version {after.criteria_version} of the success criteria"
    if after.criteria_version > before.criteria_version:
        bounds = ", ".join(f"{name} {bound:.15g}" for name, bound in after.criteria.items())
        again = f". {after.stale_verdicts} results are being judged again" if after.stale_verdicts else ""
        message = f"{criteria} is in force: {bounds or 'none, so that every result passes'}{again}"
        yield PostEvent(batch=ref, reason=wire.EVENT_CRITERIA_CHANGED, message=message)
    elif before.stale_verdicts and not after.stale_verdicts:
        message = f"{counters.passed} of {counters.succeeded} results meet {criteria}"
        yield PostEvent(batch=ref, reason=wire.EVENT_REJUDGED, message=message)


def _edited(record: BatchRecord, declared: object, catalog: StoredCatalog) -> BatchRecord:
    """Return the record with other declared criteria. The version only increases if they judge differently."""
    criteria = effective_criteria(declared, record.strategy, catalog)
    record = replace(record, controls={**record.controls, CRITERIA: declared})
    if criteria == SuccessCriteria.from_json(record.criteria):
        return record
    return replace(
        record,
        criteria=criteria.to_json(),
        criteria_version=record.criteria_version + 1,
        stale_verdicts=record.counters.succeeded,
    )

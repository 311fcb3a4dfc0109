"""The work of an accepted batch is read once, and again when anything that it is made from is another."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from backfleet.core.records import BatchRecord, BatchState
from backfleet.core.spec.ceilings import Ceilings
from backfleet.core.spec.model import parse_spec
from backfleet.core.spec.snapshot import CRITERIA, AcceptedWork, controls_of, restore
from backfleet.core.spec.validation import AcceptanceLimits, ControlLimits, validate_spec
from tests.support.manifests.specs import STRATEGIES, spec_body

LIMITS = ControlLimits()
PRESENT = spec_body(maxConcurrent=8)
AXES = validate_spec(parse_spec(PRESENT), STRATEGIES, AcceptanceLimits()).space.to_json()
RECORD = BatchRecord(
    uid="u",
    namespace="research",
    name="rsi",
    state=BatchState.LIVE,
    spec=PRESENT,
    controls={**controls_of(PRESENT), CRITERIA: PRESENT.get(CRITERIA)},
    axes=AXES,
    criteria={"minSharpe": 1.0},
    accepted_at=datetime(2026, 1, 5, tzinfo=UTC),
)


def read(record: BatchRecord = RECORD, present: Any = PRESENT, limits: ControlLimits = LIMITS) -> AcceptedWork:
    """Return the work, given the work that was known before."""
    return restore(record, present, limits, restore(RECORD, PRESENT, LIMITS))


def test_what_is_the_same_is_not_read_again() -> None:
    known = restore(RECORD, PRESENT, LIMITS)
    copied = replace(RECORD, spec=spec_body(maxConcurrent=8), next_index=3, version=9)
    assert restore(copied, spec_body(maxConcurrent=8), ControlLimits(), known) is known


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("maxConcurrent", 2),
        ("suspend", True),
        ("cancel", True),
        ("ttlSecondsAfterFinished", 900),
        ("backtestsPerJob", "auto"),
    ],
)
def test_an_edited_control_is_in_force_at_once(field: str, value: object) -> None:
    present = spec_body(**{"maxConcurrent": 8, field: value})
    read_again = read(present=present)
    assert read_again == restore(RECORD, present, LIMITS)
    assert (read_again.controls[field], read_again.drift) == (value, None)
    assert read_again.work != read().work


def test_other_criteria_in_the_row_are_in_force_at_once() -> None:
    assert read(replace(RECORD, criteria={"minSharpe": 2.0})).work.criteria.min_sharpe == 2.0


def test_other_controls_in_the_row_are_those_that_an_invalid_edit_leaves_in_force() -> None:
    present = spec_body(maxConcurrent=0)
    known = restore(RECORD, present, LIMITS)
    assert known.work.spec.max_concurrent == 8
    record = replace(RECORD, controls={**RECORD.controls, "maxConcurrent": 5})
    assert restore(record, present, LIMITS, known).work.spec.max_concurrent == 5


def test_a_lower_ceiling_is_in_force_at_once() -> None:
    limits = replace(LIMITS, ceilings=Ceilings(backtest_timeout_seconds=60))
    assert read(limits=limits).work.spec.failure_policy.backtest_timeout_seconds == 60


def test_a_batch_that_was_accepted_again_has_its_new_work() -> None:
    body = spec_body(maxConcurrent=8, data={**PRESENT["data"], "symbols": ["MSFT"]})
    axes = validate_spec(parse_spec(body), STRATEGIES, AcceptanceLimits()).space.to_json()
    read_again = read(replace(RECORD, spec=body, axes=axes), body)
    assert read_again.work.spec.data.symbols == ["MSFT"]
    assert read_again.drift is None


def test_an_edit_of_what_was_fixed_at_acceptance_is_named() -> None:
    drift = read(present=spec_body(maxConcurrent=8, constraints=["rsi_period > 14"])).drift
    assert drift is not None
    assert drift.startswith("edits of spec.constraints are ignored")

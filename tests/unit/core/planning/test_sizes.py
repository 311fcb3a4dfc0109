"""How many backtests the next Job carries."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from backfleet.core.planning.draft import Draft
from backfleet.core.planning.sizes import (
    FIRST_PACK,
    MAX_PARAMETER_BYTES,
    UNPROVEN_PACK,
    pack_size,
    size_that_fits,
)
from backfleet.core.records import Counters
from backfleet.core.space.parameters import Axis, ListAxis, ParameterSpace, RangeAxis
from backfleet.core.space.scalars import ParameterType
from backfleet.core.spec.fields import LARGEST_PACK
from tests.support.operator import values
from tests.support.planning import build_draft, build_running

COUNT = 100_000
NEXT_TO_ITS_TEXTS = 16
"""The bytes of a member next to those of its parameters."""
DIED, LIVED = True, False


def sized(declared: int | str, ended: int = 1, spec: dict[str, Any] | None = None, **row: Any) -> Draft:
    """Return a batch of many combinations, of which some have ended."""
    fields = {"backtestsPerJob": declared, "parameters": values(COUNT), "maxConcurrent": 4} | (spec or {})
    return build_draft(spec=fields, **{"total": COUNT, "counters": Counters(succeeded=ended)} | row)


@pytest.mark.parametrize("declared", [1, 2, 300])
def test_a_declared_number_is_the_size(declared: int) -> None:
    assert pack_size(sized(declared)) == declared


@pytest.mark.parametrize(
    ("draft", "size"),
    [
        pytest.param(sized(300, ended=0), UNPROVEN_PACK, id="nothing has ended"),
        pytest.param(sized("auto", ended=0), UNPROVEN_PACK, id="of auto too"),
        pytest.param(sized(3, ended=0), 3, id="fewer were declared"),
        pytest.param(replace(sized(300, ended=0), is_proven=True), 300, id="the same work has started lately"),
        pytest.param(sized(300, counters=Counters(failed=1)), 300, id="one has failed"),
    ],
)
def test_a_batch_that_may_be_broken_begins_with_few(draft: Draft, size: int) -> None:
    assert pack_size(draft) == size


@pytest.mark.parametrize(
    ("seconds", "size"),
    [
        pytest.param(None, FIRST_PACK, id="not measured"),
        pytest.param(0.0, LARGEST_PACK, id="no time at all"),
        pytest.param(0.001, LARGEST_PACK, id="more than the largest would fit"),
        pytest.param(0.05, 200, id="what a pack's ten seconds hold"),
        pytest.param(3.0, 3, id="only whole ones"),
        pytest.param(60.0, 1, id="longer than the time of a pack"),
    ],
)
def test_auto_fills_the_time_of_a_pack(seconds: float | None, size: int) -> None:
    assert pack_size(sized("auto", engine_seconds=seconds)) == size


@pytest.mark.parametrize("seconds", [None, 0.001])
@pytest.mark.parametrize(
    ("total", "ended", "running", "size"),
    [
        pytest.param(41, 1, 0, 10, id="ten for each slot"),
        pytest.param(42, 1, 0, 11, id="rounded up"),
        pytest.param(41, 1, 20, 5, id="what runs is not left"),
        pytest.param(3, 1, 0, 1, id="at the end one each"),
        pytest.param(5, 5, 0, 1, id="never none"),
    ],
)
def test_auto_leaves_every_slot_an_equal_share(
    total: int, ended: int, running: int, size: int, seconds: float | None
) -> None:
    packs = [build_running(size=30, unsettled=running)] if running else []
    draft = build_draft(
        *packs,
        spec={"backtestsPerJob": "auto", "maxConcurrent": 4, "parameters": values(total)},
        total=total,
        counters=Counters(succeeded=ended),
        engine_seconds=seconds,
    )
    assert pack_size(draft) == size


@pytest.mark.parametrize(
    ("total", "engine_seconds", "size"),
    [
        pytest.param(60, None, 60, id="all in one"),
        pytest.param(160, None, 100, id="as many as fill the time that a pod costs"),
        pytest.param(800, None, 200, id="an equal share is more"),
        pytest.param(60, 0.01, 15, id="measured"),
    ],
)
def test_auto_of_an_engine_that_is_known_to_be_quick_begins_with_packs_worth_a_pod(
    total: int, engine_seconds: float | None, size: int
) -> None:
    draft = sized("auto", ended=0, total=total, engine_seconds=engine_seconds)
    known = replace(draft.limits, usual_seconds={draft.work.spec.engine.name.value: 0.01})
    assert pack_size(replace(draft, limits=known, is_proven=True)) == size


def test_the_slots_that_a_batch_may_have_are_what_counts() -> None:
    draft = sized("auto", total=41, spec={"maxConcurrent": 9})
    assert pack_size(draft) == 10
    assert pack_size(replace(draft, limits=replace(draft.limits, max_concurrent=2))) == 20


def in_range(start: str, step: str, count: int) -> RangeAxis:
    return RangeAxis(name="a", type=ParameterType.FLOAT, start=Decimal(start), step=Decimal(step), count=count)


def over(draft: Draft, *axes: Axis) -> Draft:
    """Return the batch with these axes."""
    work = replace(draft.work, space=ParameterSpace(axes=axes))
    return replace(draft, accepted=replace(draft.accepted, work=work))


def lengths(draft: Draft, indexes: range) -> list[int]:
    space = draft.work.space
    return [len(json.dumps(dict(space.combination(index).texts)).encode()) for index in indexes]


def test_a_pack_is_no_larger_than_its_variable_holds() -> None:
    axes = (
        ListAxis(name=f"parameter_{number:02}", type=ParameterType.FLOAT, values=(Decimal("0.125"), Decimal("1000.5")))
        for number in range(20)
    )
    draft = over(sized(LARGEST_PACK, total=2**20), *axes)
    size = pack_size(draft)
    assert size == size_that_fits(draft) < LARGEST_PACK
    longest = lengths(draft, range(2**20 - size, 2**20))
    assert sum(longest) <= MAX_PARAMETER_BYTES < 2 * sum(longest)


@pytest.mark.parametrize(
    "axis",
    [
        pytest.param(in_range("-1000", "5", 201), id="a sign"),
        pytest.param(in_range("0", "0.125", 9), id="digits of the step"),
        pytest.param(in_range("0.0625", "1", 4), id="digits of the start"),
        pytest.param(in_range("9", "-0.5", 2_000), id="downwards"),
        pytest.param(in_range("1E-9", "1E-9", 20), id="very small"),
        pytest.param(ListAxis(name="a", type=ParameterType.STRING, values=("a", 'a "quote"', "ä€😀")), id="texts"),
    ],
)
def test_no_combination_is_longer_than_it_is_assumed_to_be(axis: Axis) -> None:
    draft = over(sized(LARGEST_PACK), axis)
    longest = max(lengths(draft, range(axis.count)))
    assert size_that_fits(draft) <= MAX_PARAMETER_BYTES // (longest + NEXT_TO_ITS_TEXTS)


@pytest.mark.parametrize(
    ("packs_died", "size"),
    [
        pytest.param((DIED, DIED), 300, id="two"),
        pytest.param((DIED, LIVED, DIED, LIVED, LIVED), 300, id="two of five"),
        pytest.param((DIED, LIVED, DIED, LIVED, DIED), 1, id="three of five"),
        pytest.param((DIED, DIED, DIED), 1, id="the first three"),
    ],
)
def test_after_three_deaths_in_five_packs_each_job_carries_one(packs_died: tuple[bool, ...], size: int) -> None:
    assert pack_size(sized(300, packs_died=packs_died)) == size
    assert pack_size(sized("auto", packs_died=packs_died, engine_seconds=0.05)) == min(size, 200)


def test_only_the_last_five_packs_count_and_a_batch_with_one_per_job_stays_so() -> None:
    record = build_draft().record
    for died in (DIED, DIED, LIVED, LIVED, LIVED, LIVED):
        record = record.after_pack(died=died)
    assert record.packs_died == (DIED, LIVED, LIVED, LIVED, LIVED)
    for died in (DIED, DIED):
        record = record.after_pack(died=died)
    assert (record.packs_died, record.is_one_per_job) == ((LIVED, LIVED, LIVED, DIED, DIED), False)
    deadly = record.after_pack(died=DIED)
    assert deadly.is_one_per_job
    assert deadly.after_pack(died=LIVED) == deadly

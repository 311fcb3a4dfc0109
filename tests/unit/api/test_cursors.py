"""Cursors come back as they went out; every text of their form is a place, and belongs to one query."""

import math
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet_api.http import cursors
from backfleet_api.refusals import CursorElsewhere

UNHURRIED = settings(deadline=None)
QUERY = ("results", "drawdown")
KEYS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
INDEXES = st.integers(0, 999_999_999)
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2286, 1, 1), timezones=st.just(UTC))
DIGEST = cursors.write_index_cursor(QUERY, 0).partition(".")[0]


@UNHURRIED
@given(KEYS, INDEXES, INDEXES)
def test_a_place_among_results_comes_back(key: float | None, index: int, rank: int) -> None:
    cursor = cursors.write_result_cursor(QUERY, (key, index, rank))
    assert re.fullmatch(cursors.RESULTS_PATTERN, cursor)
    assert cursors.read_result_cursor(QUERY, cursor) == (key, index, rank)


@UNHURRIED
@given(MOMENTS, st.uuids())
def test_a_place_among_batches_comes_back(moment: datetime, uid: object) -> None:
    cursor = cursors.write_batch_cursor(QUERY, (moment.isoformat(), str(uid)))
    assert re.fullmatch(cursors.BATCHES_PATTERN, cursor)
    assert cursors.read_batch_cursor(QUERY, cursor) == (moment.isoformat(), str(uid))


@UNHURRIED
@given(INDEXES)
def test_a_place_among_backtests_comes_back(index: int) -> None:
    cursor = cursors.write_index_cursor(QUERY, index)
    assert re.fullmatch(cursors.INDEX_PATTERN, cursor)
    assert cursors.read_index_cursor(QUERY, cursor) == index


def of_this_query(pattern: str) -> st.SearchStrategy[str]:
    """Return every text that the pattern allows, with the digest of QUERY."""
    return st.from_regex(pattern.replace("$", r"\Z")).map(lambda text: DIGEST + text[len(DIGEST) :])


@UNHURRIED
@given(of_this_query(cursors.RESULTS_PATTERN), of_this_query(cursors.BATCHES_PATTERN))
def test_whatever_has_the_form_is_a_place(result: str, batch: str) -> None:
    key, index, rank = cursors.read_result_cursor(QUERY, result)
    assert key is None or math.isfinite(key)
    assert 0 <= index < 2**31
    assert 0 <= rank < 2**31
    moment, uid = cursors.read_batch_cursor(QUERY, batch)
    assert datetime.fromisoformat(moment).tzinfo is not None
    assert "\x00" not in uid


@pytest.mark.parametrize("other", [("results", None), ("results",), ()], ids=["another value", "shorter", "empty"])
def test_a_cursor_of_another_query_is_refused(other: tuple[object, ...]) -> None:
    cursor = cursors.write_index_cursor(other, 7)
    with pytest.raises(CursorElsewhere, match="belongs to another query") as caught:
        cursors.read_index_cursor(QUERY, cursor)
    assert caught.value.field == "cursor"

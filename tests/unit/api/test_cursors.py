"""Cursors come back as they went out, and nothing else is taken for one."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.core.errors import SpecInvalid
from backfleet_api.http.cursors import read_cursor, write_cursor

PLACES = st.lists(st.none() | st.integers(-(2**40), 2**40) | st.text(max_size=20) | st.floats(allow_nan=False))


@given(PLACES)
def test_a_cursor_comes_back(place: list[str | int | float | None]) -> None:
    cursor = write_cursor(["results", "drawdown"], place)
    assert read_cursor(["results", "drawdown"], cursor) == place
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_a_cursor_of_another_query_is_refused() -> None:
    with pytest.raises(SpecInvalid, match="belongs to another query"):
        read_cursor(["a", None], write_cursor(["a", True], [1]))


def encoded(body: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x", id="too short"),
        pytest.param("####", id="not base64"),
        pytest.param("äöü", id="not ASCII"),
        pytest.param(encoded({"a": 1}), id="an object"),
        pytest.param(encoded([]), id="empty"),
        pytest.param(encoded("abc"), id="a text"),
        pytest.param(encoded([float("nan")]), id="NaN"),
        pytest.param(base64.urlsafe_b64encode(b"[" * 300).decode(), id="deep"),
        pytest.param(base64.urlsafe_b64encode(b"\xff\xfe").decode(), id="not text"),
    ],
)
def test_what_is_no_cursor_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(SpecInvalid) as caught:
        read_cursor(["a"], text)
    assert caught.value.field == "cursor"


@given(st.text(max_size=100))
def test_no_text_breaks_it(text: str) -> None:
    with pytest.raises(SpecInvalid):
        read_cursor(["a"], text)

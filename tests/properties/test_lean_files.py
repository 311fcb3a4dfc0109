"""Whatever LEAN or a strategy leaves, reading it gives an outcome that Postgres can store, and never an exception."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.core import wire
from backfleet.core.backtests import Failure, Outcome, Result, result_to_json
from backfleet.core.metrics import METRICS
from backfleet.engines.lean.layout import ALGORITHM_LOG_FILE, LOG_FILE, RESULT_FILE, SUMMARY_FILE
from backfleet.engines.lean.outcome import outcome_of_run
from tests.support.engines import make_request
from tests.support.lean_results import make_failed_start, make_intermediate, make_old_result, make_result

REQUEST = make_request("Trend", {"rsi_period": "14"})
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from([10**400, "\x00\ud800", "NaN"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=12,
)
BODIES = st.sampled_from([make_result, make_old_result, make_intermediate, lambda: make_failed_start("x")])
EXITS = st.sampled_from(["code=0\n", "code=0\n", "code=0\noom=1\n", "code=1\n", "code=139\n", "code=124\n", ""])
LOGS = st.one_of(
    st.binary(max_size=100), st.sampled_from([b"", b"1 TRACE:: Log: Algorithm Stopped\n", b"ERROR:: \x1b[0m\n" * 50])
)


@st.composite
def nearly_good(draw: st.DrawFn) -> bytes:
    """Draw a result of LEAN with one thing in it, at any depth, replaced by anything, and perhaps cut."""
    body: Any = json.loads(json.dumps(draw(BODIES)()))
    place = body
    for _ in range(draw(st.integers(0, 5))):
        keys = list(place) if isinstance(place, dict) else list(range(min(len(place), 3)))
        inner = [key for key in keys if isinstance(place[key], dict | list) and place[key]]
        if not inner:
            break
        place = place[draw(st.sampled_from(inner))]
    key = draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(min(len(place), 3)))))
    place[key] = draw(JSON)
    content = json.dumps(body).encode("utf-8", "surrogatepass")
    return content[: draw(st.integers(0, len(content)))] if draw(st.integers(0, 9)) == 0 else content


@settings(max_examples=300, deadline=None)
@given(EXITS, st.one_of(st.none(), nearly_good(), st.binary(max_size=50)), st.one_of(st.none(), nearly_good()), LOGS)
def test_any_folder_gives_an_outcome_that_can_be_stored(
    report: str, full: bytes | None, summary: bytes | None, log: bytes
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / wire.SHIM_EXIT_FILE).write_text(report)
        for file, content in ((RESULT_FILE, full), (SUMMARY_FILE, summary), (LOG_FILE, log), (ALGORITHM_LOG_FILE, log)):
            if content is not None:
                (folder / file).write_bytes(content)
        check(outcome_of_run(folder, REQUEST))


def check(outcome: Outcome) -> None:
    ending = outcome.ending
    if isinstance(ending, Failure):
        assert 0 < len(ending.message) <= 2000
        assert storable(ending.message)
        return
    assert isinstance(ending, Result)
    assert outcome.exit_code == 0
    assert set(ending.metrics) == set(METRICS)
    assert len(ending.equity_curve) <= 200
    assert storable(json.dumps(result_to_json(ending), allow_nan=False, ensure_ascii=False))


def storable(text: str) -> bool:
    text.encode()
    return "\x00" not in text and "\\u0000" not in text

"""Whatever an engine leaves in its folder, reading it gives an outcome that Postgres can store, and never an exception."""

import json
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.core import wire
from backfleet.core.backtests import Failure, Outcome, Result, result_to_json
from backfleet.core.metrics import METRICS
from backfleet.engines.noop import run
from backfleet.engines.registry import ENGINES
from tests.support.engines import make_request

REQUEST = make_request("Noop")
GOOD = result_to_json(run(REQUEST))

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(10**400), st.just("\x00\ud800")),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=12,
)
HOSTILE_TEXT = st.one_of(
    st.text(st.characters(codec=None)), st.sampled_from(["\x00", "\ud800", "x" * 5000, "2000-02-30"])
)
ANY_EXIT = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda code, oom: f"code={code}\nstarted=1\nfinished=99999999999\noom={oom}\n".encode(),
        st.one_of(st.integers(-5, 300), st.sampled_from([0, 0, 0, 1, 10, 11, 124, 137, 139, 10**11, 10**30])),
        st.integers(0, 3),
    ),
)


@st.composite
def nearly_good(draw: st.DrawFn) -> bytes:
    """Draw a good result with one thing in it replaced by anything."""
    body = json.loads(json.dumps(GOOD))
    place = draw(st.sampled_from(["top", "metrics", "curve", "blocks", "texts"]))
    anything = draw(st.one_of(JSON, HOSTILE_TEXT))
    match place:
        case "top":
            body[draw(st.sampled_from(list(body)))] = anything
        case "metrics":
            body["metrics"][draw(st.sampled_from([*METRICS, "other"]))] = anything
        case "curve":
            body["equityCurve"][0][draw(st.integers(0, 1))] = anything
        case "blocks":
            body["blocks"][0][draw(st.integers(0, 2))] = anything
        case _:
            body["statistics"][draw(HOSTILE_TEXT)] = draw(HOSTILE_TEXT)
            body["warnings"] = [draw(HOSTILE_TEXT)]
    return json.dumps(body).encode("utf-8", "surrogatepass")


ANY_RESULT = st.one_of(
    st.none(), st.binary(max_size=300), JSON.map(lambda body: json.dumps(body).encode()), nearly_good()
)


def assert_storable(outcome: Outcome) -> None:
    ending = outcome.ending
    assert isinstance(ending, Result | Failure)
    if isinstance(ending, Failure):
        assert 0 < len(ending.message) <= 2000
        text = ending.message
    else:
        text = json.dumps(result_to_json(ending), allow_nan=False, ensure_ascii=False)
        assert "\\u0000" not in text
    text.encode()
    assert "\x00" not in text
    assert outcome.exit_code is None or 0 <= outcome.exit_code <= 255
    assert isinstance(outcome.engine_started_at, datetime | None)


@settings(max_examples=300, deadline=None)
@given(exit_file=ANY_EXIT, result=ANY_RESULT, error=ANY_RESULT)
def test_any_bytes_in_any_file_give_an_outcome_that_can_be_stored(
    exit_file: bytes, result: bytes | None, error: bytes | None
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / wire.SHIM_EXIT_FILE).write_bytes(exit_file)
        for file, content in (("result.json", result), ("error.json", error)):
            if content is not None:
                (folder / file).write_bytes(content)
        for engine in ENGINES.values():
            assert_storable(engine.outcome(folder, REQUEST))


@settings(max_examples=300, deadline=None)
@given(nearly_good())
def test_a_result_with_one_thing_replaced_is_taken_whole_or_refused(content: bytes) -> None:
    with TemporaryDirectory() as name:
        (Path(name) / wire.SHIM_EXIT_FILE).write_text("code=0\n")
        (Path(name) / "result.json").write_bytes(content)
        outcome = ENGINES["noop"].outcome(Path(name), REQUEST)
    assert_storable(outcome)
    ending = outcome.ending
    if isinstance(ending, Result):
        assert set(ending.metrics) == set(METRICS)
        assert all(value is None or abs(value) < float("inf") for value in ending.metrics.values())
        assert len(ending.equity_curve) <= 200

"""Any text becomes a batch that the operator accepts, or an error that names a line. It never causes a crash."""

import json
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from backfleet.configs.converting import Converted, convert, is_config
from backfleet.configs.documents import ConfigInvalid
from backfleet.core.space.parameters import build_space
from backfleet.core.spec.model import parse_spec
from tests.support.configs import CATALOG, FOLDER
from tests.support.manifests.crd import schema_faults, with_defaults

SHIPPED = [path.read_text() for path in sorted(FOLDER.glob("*.yaml"))]
LEAN = json.dumps(
    {
        "optimization-criterion": {"target": "Sharpe Ratio", "extremum": "max"},
        "algorithm-location": "STR-003_SMA_Crossover_ETF/main.py",
        "parameters": [{"name": "fast_sma", "min": 20, "max": 50, "step": 15}, {"name": "slow_sma", "value": 100}],
        "constraints": [{"target": "Drawdown", "operator": "less", "target-value": 0.1}],
    },
    indent=1,
)
WORDS = sorted({word for text in [*SHIPPED, LEAN] for word in re.findall(r"[\w.%-]+|[^\w\s]", text)})
ODD = [
    "null", "~", "yes", "-1", "1e9", "1e99", ".5", "0x1F", "010", "1:30", ".nan", "'", '"', "&a", "*a", "!!str", "<<", "? ",
    "|", ">", "{", "}", "[", "]", ": ", "- ", "#", "%", "@", "\t", "\n", "\r", "  ", "---", "...", "\\", "\u2028", "\ufeff",
    "\x00", "é",
]  # fmt: skip


def refusal(content: str | bytes) -> ConfigInvalid | None:
    try:
        convert(content, CATALOG)
    except ConfigInvalid as error:
        return error
    return None


def check(text: str) -> Converted | None:
    """Return the batch, checked by the schema and the operator's parser, or None if a proper error refused it."""
    error = refusal(text)
    if error is not None:
        # YAML's line breaks; a pair of them counts once.
        assert 1 <= error.place.line <= len(re.findall("[\n\r\x85\u2028\u2029]", text)) + 1
        assert error.problem.startswith(f"line {error.place.line}")
        assert error.hint
        assert len(str(error)) < 2000
        return None
    found = convert(text, CATALOG)
    space = build_space(parse_spec(found.spec).declarations(), found.total)
    assert space.total == found.total >= 1
    manifest = {
        "apiVersion": "backfleet.io/v1alpha1",
        "kind": "OptimizationBatch",
        "metadata": {"name": "x"},
        "spec": found.spec,
    }
    assert schema_faults(with_defaults(manifest)) == []
    assert json.loads(json.dumps(found.spec, allow_nan=False)) == found.spec
    return found


@given(st.text())
@example("\ud800")
def test_any_text_is_a_batch_or_an_error(text: str) -> None:
    check(text)
    is_config(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_batch_or_an_error(content: bytes) -> None:
    error = refusal(content)
    assert error is None or error.hint
    is_config(content)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_config_with_pieces_replaced_is_a_batch_or_an_error(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([*SHIPPED, LEAN]))
    for _ in range(data.draw(st.integers(1, 4))):
        tokens = list(re.finditer(r"[\w.%-]+|[^\w\s]|\s+", text))
        hit = tokens[data.draw(st.integers(0, len(tokens) - 1))]
        piece = data.draw(st.sampled_from([*WORDS, *ODD]) | st.text(max_size=8) | st.just(""))
        text = text[: hit.start()] + piece + text[hit.end() :]
    check(text)
    is_config(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)
SECTIONS = (
    "strategy",
    "optimization",
    "parameters",
    "success_criteria",
    "backtest",
    "constraints",
    "symbols",
    "engine",
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(SECTIONS), VALUES, max_size=3), st.sampled_from(["optimization-x", "notes"]))
def test_sections_of_any_shape_are_a_batch_or_an_error(sections: dict[str, object], mark: str) -> None:
    good = {"strategy": "SMA_Crossover_ETF", "parameters": {"fast_sma": [20, 30]}, "symbols": ["SPY"]}
    check(json.dumps(good | sections | {mark: 1}))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.decimals(-1000, 1000, places=3), st.integers(1, 50), st.decimals("0.001", 5, places=3)),
        min_size=1,
        max_size=3,
    )
)
def test_a_range_has_the_values_that_its_decimals_say(ranges: list[tuple[object, int, object]]) -> None:
    lines, total = [], 1
    for number, (start, count, step) in enumerate(ranges):
        lines.append(f"  p{number}: {{start: {start}, end: {start + step * (count - 1)}, step: {step}}}")  # type: ignore[operator]
        total *= count
    head = "strategy: {name: Mine, lean_project_path: p}\nsymbols: [SPY]\nparameters:\n"
    found = check(head + "\n".join(lines))
    assert found is not None
    assert found.total == total
    space = build_space(parse_spec(found.spec).declarations())
    last = space.combination(total - 1)
    for number, (start, count, step) in enumerate(ranges):
        assert last.values[f"p{number}"] == start + step * (count - 1)  # type: ignore[operator]

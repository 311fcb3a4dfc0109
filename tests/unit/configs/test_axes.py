"""Parameters: ranges, lists and types, and which of them applies if they contradict each other."""

from typing import Any

import pytest

from backfleet.configs.documents import ConfigInvalid
from backfleet.core.space.parameters import build_space
from backfleet.core.spec.model import parse_spec
from tests.support.configs import read, read_axes

MINE = "strategy: {name: Mine, lean_project_path: mine}\nsymbols: [SPY]\n"
LINE = "line 6: parameters.x"


def axis(text: str) -> dict[str, Any]:
    """Return the only parameter, x, without its name. The catalog does not have its strategy."""
    found = read_axes(f"  x: {text}")
    assert found.warnings == (READS,)
    (parameter,) = found.spec["parameters"]
    assert parameter.pop("name") == "x"
    return parameter


READS = read_axes("  x: [1]").warnings[0]


def ranged(start: float, end: float, step: float) -> dict[str, Any]:
    return {"start": start, "end": end, "step": step}


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("{start: 1, end: 9, step: 2}", {"type": "int", "range": ranged(1, 9, 2)}),
        ("{start: 1.0, end: 2.0, step: 0.5}", {"type": "float", "range": ranged(1, 2, 0.5)}),
        ("{start: 0.015, end: 0.03, step: .005, type: float}", {"type": "float", "range": ranged(0.015, 0.03, 0.005)}),
        ("{start: 1, end: 3, step: 1, type: float}", {"type": "float", "range": ranged(1, 3, 1)}),
        ("{start: 1e-3, end: 3.e-3, step: 1E-3}", {"type": "float", "range": ranged(0.001, 0.003, 0.001)}),
        ("{start: 1_000, end: 3_000, step: 1_000}", {"type": "int", "range": ranged(1000, 3000, 1000)}),
        ("{start: -2, end: +2, step: 2}", {"type": "int", "range": ranged(-2, 2, 2)}),
        ("{start: '1', end: \"2\", step: 0.5}", {"type": "float", "range": ranged(1, 2, 0.5)}),
        ("{start: 5, end: 5, step: 1}", {"type": "int", "range": ranged(5, 5, 1)}),
        ("[10, 14, 20]", {"type": "int", "values": [10, 14, 20]}),
        ("{values: [1.00, 1.01], type: float}", {"type": "float", "values": [1, 1.01]}),
        ("{values: [1.00, 1.01]}", {"type": "float", "values": [1, 1.01]}),
        ("{values: ['up', 'both']}", {"type": "string", "values": ["up", "both"]}),
        ("{values: [up, both], default: both}", {"type": "string", "values": ["up", "both"]}),
        ("{values: [true, False]}", {"type": "bool", "values": [True, False]}),
        ("{values: [yes, off], type: bool}", {"type": "bool", "values": [True, False]}),
        ("{values: ['true', 'False'], type: boolean}", {"type": "bool", "values": [True, False]}),
        ("{values: [on, off], type: str}", {"type": "string", "values": ["on", "off"]}),
        ("{values: ['14', '15'], type: integer}", {"type": "int", "values": [14, 15]}),
        ("{values: ['14', '15']}", {"type": "string", "values": ["14", "15"]}),
        ("{values: [2020, 2021], type: string}", {"type": "string", "values": ["2020", "2021"]}),
        ("{values: 7}", {"type": "int", "values": [7]}),
        ("14", {"type": "int", "value": 14}),
        ("SPY", {"type": "string", "value": "SPY"}),
        ("{value: 0.5, type: float}", {"type": "float", "value": 0.5}),
        ("{values: [10, 15, 20], start: 10, end: 20, step: 5}", {"type": "int", "values": [10, 15, 20]}),
        ("{values: [10, 15, 20], default: 99}", {"type": "int", "values": [10, 15, 20]}),
    ],
)
def test_what_is_written_is_the_axis(text: str, parameter: dict[str, Any]) -> None:
    assert axis(text) == parameter


def noticed(text: str) -> tuple[dict[str, Any], str]:
    """Return the only parameter, x, and the only warning."""
    found = read_axes(f"  x: {text}")
    (warning,) = (each for each in found.warnings if each != READS)
    return found.spec["parameters"][0], warning


@pytest.mark.parametrize(
    ("text", "values", "said"),
    [
        (
            "{values: [10, 14, 20], start: 10, end: 20, step: 5}",
            [10, 14, 20],
            f"{LINE}.start: the list 10, 14, 20 takes precedence over the range 10, 15, 20",
        ),
        (
            "{start: 26, end: 35, step: 5, values: [26, 30, 35], type: int}",
            [26, 30, 35],
            f"{LINE}.start: the list 26, 30, 35 takes precedence over the range 26, 31",
        ),
        (
            "{start: 0.01, end: 0.1, step: 0.005, values: [0.02]}",
            [0.02],
            f"{LINE}.start: the list 0.02 takes precedence over the range "
            "0.01, 0.015, 0.02, 0.025, 0.03, 0.035 … 0.1 (19 values)",
        ),
        (
            "{values: [1, 2], start: 1}",
            [1, 2],
            f"{LINE}.start: the list 1, 2 takes precedence over the range, which is not valid",
        ),
        (
            "{values: [1, 2], start: 3, end: 1, step: 1}",
            [1, 2],
            f"{LINE}.start: the list 1, 2 takes precedence over the range, which is not valid",
        ),
        (
            "{values: [1, 2], value: 3}",
            [1, 2],
            f"{LINE}.value: the list 1, 2 takes precedence over the single value",
        ),
    ],
)
def test_an_explicit_list_takes_precedence_with_a_warning(text: str, values: list[Any], said: str) -> None:
    parameter, warning = noticed(text)
    assert (parameter["values"], "range" in parameter, warning) == (values, False, said)


@pytest.mark.parametrize(
    ("text", "values", "said"),
    [
        ("[0x10]", ["0x10"], "0x10 is read as text"),
        ("[true, 'false', no]", ["true", "false", "no"], "true, false, no are read as text"),
        ("{values: [1.50, auto]}", ["1.50", "auto"], "1.50, auto are read as text"),
        ("['up', 12:30]", ["up", "12:30"], "up, 12:30 are read as text"),
        ("[5%, 10%]", ["5%", "10%"], "5%, 10% are read as text"),
    ],
)
def test_a_value_that_looks_like_a_number_but_is_read_as_text_is_a_warning(
    text: str, values: list[str], said: str
) -> None:
    parameter, warning = noticed(text)
    assert (parameter["type"], parameter["values"]) == ("string", values)
    first = "values[0]" if "values" in text else "[0]"
    assert warning == f"{LINE}.{first}: {said}; quote the text, or declare the type".replace(".[", "[")


@pytest.mark.parametrize("name", ["buy.rsi", "2nd-period", "ema-fast", "_x"])
def test_a_parameter_is_named_as_in_lean(name: str) -> None:
    found = read(f"{MINE}parameters: {{{name}: [1, 2]}}\nconstraints: ['`{name}` < 2']\n")
    assert found.spec["parameters"] == [{"name": name, "type": "int", "values": [1, 2]}]
    assert found.spec["constraints"] == [f"`{name}` < 2"]


def test_a_name_with_a_dot_needs_no_backticks_in_a_constraint() -> None:
    found = read(f"{MINE}parameters: {{buy.rsi: [1, 2]}}\nconstraints: [buy.rsi < 2]\n")
    assert found.spec["constraints"] == ["buy.rsi < 2"]


def test_an_end_off_the_grid_stays_as_written_with_a_warning() -> None:
    parameter, warning = noticed("{start: 3, end: 10, step: 3, type: int}")
    assert parameter["range"] == ranged(3, 10, 3)
    assert warning == f"{LINE}.end: the range does not reach 10; its last value is 9"


def test_a_default_alone_fixes_the_parameter_with_a_warning() -> None:
    parameter, warning = noticed("{default: 14, type: int}")
    assert parameter == {"name": "x", "type": "int", "value": 14}
    assert warning == f"{LINE}: there is only a default, so the value is fixed at '14'"


@pytest.mark.parametrize("text", ["{start: 2.0, end: 3.0, step: 0.5, type: int}", "{values: [2, 2.5], type: int}"])
def test_the_values_own_type_replaces_a_declared_type_that_they_do_not_have(text: str) -> None:
    parameter, warning = noticed(text)
    assert parameter["type"] == "float"
    assert warning.endswith("the type is int, but the values are float; using float")


def test_a_known_parameter_without_a_type_has_the_strategys() -> None:
    found = read_axes(
        """\
          rsi_period: [10, 14]
          trend_sma: {values: ["150", "200"]}
          require_trend: {values: ["true", "false"]}
          stop_loss_pct: {start: 1, end: 1, step: 1}
        """,
        strategy="MeanReversion_TrendFilter_ETF",
    )
    assert [(each["type"], each.get("values")) for each in found.spec["parameters"]] == [
        ("int", [10, 14]),
        ("int", [150, 200]),
        ("bool", [True, False]),
        ("float", None),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rsi_period: {start: 10, end: 11, step: 0.5}", "parameters.rsi_period.step: expected a whole number, got 0.5"),
        (
            "rsi_period: {start: 10, end: 11, step: 0.5, type: int}",
            "parameters.rsi_period.step: expected a whole number, got 0.5",
        ),
        (
            "require_trend: {values: [0, 1], type: bool}",
            "parameters.require_trend.values[0]: expected true or false, got 0",
        ),
        ("require_trend: {values: [0, 1]}", "parameters.require_trend.values[0]: expected true or false, got 0"),
        ("rsi_period: {values: [slow, fast]}", "parameters.rsi_period.values[0]: expected a number, got 'slow'"),
    ],
)
def test_a_value_of_a_kind_that_the_strategy_does_not_read_is_an_error(text: str, problem: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read_axes(f"  {text}", strategy="MeanReversion_TrendFilter_ETF")
    assert caught.value.problem == f"line 6: {problem}"


def test_a_drift_of_floats_loses_no_value() -> None:
    """The predecessor's files have such ranges: sums of 0.005 in doubles never reach 0.03."""
    found = read_axes("  x: {start: 0.015, end: 0.03, step: 0.005}\n  y: {start: 0.01, end: 0.03, step: 0.01}")
    space = build_space(parse_spec(found.spec).declarations())
    assert space.total == 4 * 3
    assert space.combination(11).texts == {"x": "0.03", "y": "0.03"}


def test_the_order_of_the_config_is_the_order_of_the_axes() -> None:
    names = ["zeta", "alpha", "mid"]
    found = read_axes("\n".join(f"  {name}: [1, 2]" for name in names))
    assert [each["name"] for each in found.spec["parameters"]] == names


def test_bars_refuses_a_parameter_that_it_does_not_read() -> None:
    text = "strategy: RSI_MeanReversion_ETF\nengine: bars\nparameters:\n  rsi_perod: [14]\n"
    with pytest.raises(ConfigInvalid) as caught:
        read(text)
    assert caught.value.problem.startswith("line 4: parameters.rsi_perod: RSI_MeanReversion_ETF has no parameter")
    assert caught.value.hint.startswith("Did you mean rsi_period?")

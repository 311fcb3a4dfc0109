import json
from pathlib import Path

import pytest

from backfleet.core.reasons import FailureReason
from backfleet.core.space.scalars import ParameterType, parse_value, value_text
from backfleet.engines.program import InvalidCombination, Parameter, parse_texts, write_error, write_json

DECLARED = (
    Parameter("period", "14", int, least=1),
    Parameter("stop", "0.01", float, least=0, is_open=True, most=0.5),
    Parameter("trend", "true", bool),
    Parameter("direction", "up", str, choices=("up", "both")),
)


def test_texts_become_values_of_the_declared_types_and_defaults_fill_the_rest() -> None:
    values = parse_texts(DECLARED, {"period": "20", "trend": "false"})
    assert values == {"period": 20, "stop": 0.01, "trend": False, "direction": "up"}
    assert [type(value) for value in values.values()] == [int, float, bool, str]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("period", "14.0", "expected a whole number, got '14.0'"),
        ("period", "1_0", "expected a whole number, got '1_0'"),
        ("period", "١٤", "expected a whole number, got "),
        ("period", "0", "expected at least 1, got 0"),
        ("stop", "0.51", "expected at most 0.5, got 0.51"),
        ("period", "", "expected a whole number, got ''"),
        ("stop", "5e-3", "expected a decimal number, got '5e-3'"),
        ("stop", "nan", "expected a decimal number, got 'nan'"),
        ("stop", "0", "expected above 0, got 0"),
        ("stop", "-0.01", "expected above 0, got -0.01"),
        ("trend", "True", "expected true or false, got 'True'"),
        ("direction", "down", "expected one of up, both, got 'down'"),
    ],
)
def test_a_text_that_is_not_a_value_names_the_parameter(name: str, text: str, message: str) -> None:
    with pytest.raises(InvalidCombination, match=f"^parameter {name}: .*{message}"):
        parse_texts(DECLARED, {name: text})


@pytest.mark.parametrize(
    "number", [-1e21, 1e30, 9.99999999999999e30, 1e-05, 1e-25, 1e-30, 1.23456789012345e-30, 123456789012345, "-0.5"]
)
def test_every_number_that_a_parameter_space_takes_arrives(number: float | str) -> None:
    text = value_text(parse_value(number, ParameterType.FLOAT, "values[0]"))
    assert parse_texts([Parameter("value", "1", float)], {"value": text}) == {"value": float(number)}


def test_an_unknown_parameter_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        InvalidCombination, match="unknown parameter 'perod': expected one of period, stop, trend, direction"
    ):
        parse_texts(DECLARED, {"perod": "1"})


def test_a_file_is_written_whole_and_leaves_no_draft(tmp_path: Path) -> None:
    write_json(tmp_path, "a.json", {"b": 1, "a": 0.1})
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", '{"a":0.1,"b":1}')]


def test_nan_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path, "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_an_error_names_reason_and_message(tmp_path: Path) -> None:
    write_error(tmp_path, FailureReason.NO_DATA, "m" * 3000)
    assert json.loads((tmp_path / "error.json").read_text()) == {"reason": "NoData", "message": "m" * 2000}


def test_an_error_that_cannot_be_written_is_let_go(tmp_path: Path) -> None:
    write_error(tmp_path / "missing", FailureReason.NO_DATA, "message")
    assert list(tmp_path.iterdir()) == []

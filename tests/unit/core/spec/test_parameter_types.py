"""Whether a strategy can read what a batch declares for its parameters."""

import pytest

from backfleet.core.space.scalars import ParameterType
from backfleet.core.spec.strategy_info import StrategyInfo
from backfleet.engines.program import Parameter
from tests.support.acceptance import accept, refusal


def knowing(wanted: ParameterType) -> dict[str, dict[str, StrategyInfo]]:
    return {"bars": {"S": StrategyInfo(parameters={"a": ParameterType.INT, "p": wanted})}}


@pytest.mark.parametrize(
    ("declared", "wanted", "hint"),
    [
        pytest.param({"type": "string", "value": "x"}, ParameterType.INT, "int or float", id="text for a whole number"),
        pytest.param({"type": "bool", "value": True}, ParameterType.FLOAT, "int or float", id="bool for a fraction"),
        pytest.param({"type": "int", "value": 1}, ParameterType.BOOL, "bool", id="int for a bool"),
        pytest.param({"type": "string", "value": "true"}, ParameterType.BOOL, "bool", id="text for a bool"),
        pytest.param({"type": "int", "value": 1}, ParameterType.STRING, "string", id="int for text"),
    ],
)
def test_a_type_that_the_strategy_does_not_read_is_refused(declared, wanted, hint):
    parameters = [{"name": "a", "type": "int", "value": 1}, {"name": "p", **declared}]
    error = refusal(strategies=knowing(wanted), strategy={"name": "S"}, parameters=parameters)
    assert (error.field, error.hint) == ("spec.parameters[1].type", f"Declare type: {hint}.")


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        pytest.param({"value": 14.5}, "14.5", id="a value"),
        pytest.param({"values": [14, 15, "16.25"]}, "16.25", id="the last of a list"),
        pytest.param({"range": {"start": 14.5, "end": 16.5, "step": 1}}, "14.5", id="the start of a range"),
        pytest.param({"range": {"start": 14, "end": 16, "step": 0.5}}, "14.5", id="the step of a range"),
    ],
)
def test_a_fraction_for_a_whole_number_is_refused(declared, shown):
    error = refusal(parameters=[{"name": "rsi_period", "type": "float", **declared}])
    assert str(error) == (
        f"spec.parameters[0]: rsi_period takes whole numbers alone, and has the value {shown}. "
        "Declare type: int, with whole numbers."
    )


@pytest.mark.parametrize(
    ("declared", "wanted"),
    [
        pytest.param({"type": "int", "value": 14}, ParameterType.INT, id="int"),
        pytest.param({"type": "float", "values": [14, 15.0]}, ParameterType.INT, id="whole numbers declared float"),
        pytest.param(
            {"type": "float", "range": {"start": 15, "end": 30, "step": 5}},
            ParameterType.INT,
            id="a range of whole ones",
        ),
        pytest.param(
            {"type": "float", "range": {"start": 14, "end": 14, "step": 0.5}}, ParameterType.INT, id="a range of one"
        ),
        pytest.param({"type": "float", "value": 27.5}, ParameterType.FLOAT, id="fraction"),
        pytest.param({"type": "int", "value": 1}, ParameterType.FLOAT, id="whole number for a fraction"),
        pytest.param({"type": "bool", "value": False}, ParameterType.BOOL, id="bool"),
        pytest.param({"type": "string", "value": "QQQ"}, ParameterType.STRING, id="text"),
    ],
)
def test_a_type_that_the_strategy_reads_is_accepted(declared, wanted):
    accepted = accept(strategies=knowing(wanted), strategy={"name": "S"}, parameters=[{"name": "p", **declared}])
    read = Parameter("p", "1", {"int": int, "float": float, "bool": bool, "string": str}[wanted])
    # What is accepted, the engine can read.
    assert read.parse(accepted.space.combination(0).texts["p"]) is not None

import hashlib
import json
from decimal import Decimal
from itertools import product

import pytest

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.parameters import (
    ListAxis,
    ParameterDeclaration,
    ParameterSpace,
    RangeAxis,
    RangeDeclaration,
    build_space,
)
from tests.support.axes import BOOL, FLOAT, INT, STRING, listed, ranged, whole


def test_the_end_of_a_decimal_range_is_included_where_floats_would_lose_it():
    (axis,) = build_space([ranged("profit_target_pct", 0.015, 0.03, 0.005)]).axes
    assert [axis.value(position) for position in range(axis.count)] == [
        Decimal("0.015"),
        Decimal("0.02"),
        Decimal("0.025"),
        Decimal("0.03"),
    ]


def test_an_end_off_the_grid_is_skipped():
    space = build_space([whole("holding_period", 3, 10, 3)])
    assert [space.combination(index).values for index in range(space.total)] == [
        {"holding_period": 3},
        {"holding_period": 6},
        {"holding_period": 9},
    ]


def test_a_range_of_one_value_needs_no_second():
    assert build_space([whole("a", 5, 5, 100)]).total == 1


def test_a_list_wins_over_a_range_that_contradicts_it():
    declaration = ParameterDeclaration(
        name="macd_slow", type=INT, values=[26, 30, 35], range=RangeDeclaration(start=26, end="nonsense", step=0)
    )
    assert build_space([declaration]).axes == (ListAxis(name="macd_slow", type=INT, values=(26, 30, 35)),)


def test_the_last_axis_varies_fastest():
    space = build_space([whole("a", 1, 2, 1), listed("b", "x", "y", type=STRING), listed("c", True, False, type=BOOL)])
    combinations = [tuple(space.combination(index).values.values()) for index in range(space.total)]
    assert combinations == list(product((1, 2), ("x", "y"), (True, False)))
    assert list(space.combination(0).values) == ["a", "b", "c"]


def test_a_fixed_value_is_an_axis_of_one():
    fixed = ParameterDeclaration(name="symbol", type=STRING, value="SPY")
    space = build_space([whole("a", 1, 3, 1), fixed])
    assert (space.total, space.combination(2).values) == (3, {"a": 3, "symbol": "SPY"})


def test_a_fixed_false_is_a_value():
    fixed = ParameterDeclaration(name="require_trend", type=BOOL, value=False)
    assert build_space([fixed]).combination(0).texts == {"require_trend": "false"}


def test_a_combination_gives_texts_json_and_a_digest():
    space = build_space(
        [
            whole("n", 14, 14, 1),
            ranged("p", "0.0050", 0.005, 1),
            listed("t", True, type=BOOL),
            listed("s", "up", type=STRING),
        ]
    )
    combination = space.combination(0)
    assert combination.texts == {"n": "14", "p": "0.005", "t": "true", "s": "up"}
    assert combination.to_json() == {"n": 14, "p": 0.005, "t": True, "s": "up"}
    canonical = b'{"n":"14","p":"0.005","s":"up","t":"true"}'
    assert combination.digest == hashlib.sha256(canonical).hexdigest()


def test_the_digest_does_not_depend_on_the_order_of_the_axes():
    one = build_space([whole("a", 1, 1, 1), whole("b", 2, 2, 1)]).combination(0)
    other = build_space([whole("b", 2, 2, 1), whole("a", 1, 1, 1)]).combination(0)
    swapped = build_space([whole("a", 2, 2, 1), whole("b", 1, 1, 1)]).combination(0)
    assert one.digest == other.digest != swapped.digest


@pytest.mark.parametrize("index", [-1, 6])
def test_an_index_outside_the_space_is_an_error(index):
    with pytest.raises(IndexError, match="outside a space of 6"):
        build_space([whole("a", 1, 6, 1)]).combination(index)


def test_a_space_survives_its_snapshot_as_json():
    space = build_space(
        [
            whole("n", -5, 5, 5),
            ranged("p", 1e-12, 5e-12, "2e-12"),
            listed("x", 0.1, 1e21),
            listed("t", False, True, type=BOOL),
            listed("s", "14", "é", type=STRING),
        ]
    )
    assert ParameterSpace.from_json(json.loads(json.dumps(space.to_json()))) == space


def test_the_snapshot_of_a_large_range_is_small():
    space = build_space([whole("n", 1, 1_000_000, 1)])
    assert space.to_json() == {
        "axes": [{"name": "n", "type": "int", "range": {"start": "1", "step": "1", "count": 1_000_000}}]
    }
    assert space.combination(999_999).texts == {"n": "1000000"}


def test_a_range_axis_keeps_exact_decimals_over_a_long_way():
    axis = RangeAxis(name="p", type=FLOAT, start=Decimal("0.1"), step=Decimal("0.1"), count=1_000_000)
    assert axis.value(999_999) == Decimal(100_000)


@pytest.mark.parametrize(
    ("declaration", "field", "problem", "hint"),
    [
        pytest.param(whole("a", 1, 5, 0), "range.step", "step is 0", "positive step", id="step 0"),
        pytest.param(ranged("a", 1, 5, -0.5), "range.step", "step -0.5 is negative", "positive step", id="wrong sign"),
        pytest.param(whole("a", 5, 1, 1), "range.end", "end 1 is before start 5", "Swap", id="end before start"),
        pytest.param(
            whole("a", 1, "x", 1), "range.end", "expected a number, got the text", "Write a number", id="text"
        ),
        pytest.param(
            whole("a", 1, 5, 0.5),
            "range.step",
            "expected a whole number, got 0.5",
            "whole number",
            id="fraction for int",
        ),
        pytest.param(
            ranged("a", 1, 5, 1, type=BOOL),
            "range",
            "a bool parameter cannot have a range",
            "values",
            id="range of bools",
        ),
        pytest.param(listed("a"), "values", "the list is empty, so the space is empty", "at least one", id="no values"),
        pytest.param(listed("a", 1, "1.0"), "values[1]", "'1.0' repeats the value at position 0", "once", id="twice"),
        pytest.param(
            ParameterDeclaration(name="a", type=INT), "", "the parameter has no values", "Give one of", id="nothing"
        ),
        pytest.param(
            ParameterDeclaration(name="a", type=INT, value=1, values=[1]),
            "",
            "expected one of value, values and range",
            "Keep value",
            id="value and values",
        ),
        pytest.param(
            ParameterDeclaration(name="a", type=INT, value=1, range=RangeDeclaration(start=1, end=1, step=1)),
            "",
            "expected one of value, values and range",
            "Keep value",
            id="value and range",
        ),
        pytest.param(
            ranged("a", "0.000000000000001", 10, 1),
            "range.step",
            "more than 15 significant digits",
            "Round",
            id="too fine",
        ),
    ],
)
def test_a_bad_declaration_names_its_field_and_the_hint(declaration, field, problem, hint):
    with pytest.raises(SpecInvalid) as refused:
        build_space([whole("first", 1, 2, 1), declaration])
    path = "spec.parameters[1]" + (f".{field}" if field else "")
    assert refused.value.field == path
    assert problem in refused.value.problem
    assert hint in refused.value.hint


def test_fifteen_digits_over_a_range_are_not_too_fine():
    assert build_space([ranged("a", "0.00000000000001", 9, 1)]).total == 9


def test_one_value_of_a_fine_range_is_not_too_fine():
    assert build_space([ranged("a", 1000, 1000, "0.000000000000001")]).total == 1


def test_an_empty_space_is_refused():
    with pytest.raises(SpecInvalid, match=r"spec\.parameters: the parameter space is empty. Declare at least one"):
        build_space([])


def test_a_name_declared_twice_is_refused():
    with pytest.raises(SpecInvalid, match=r"spec.parameters\[1\].name: 'a' is declared twice"):
        build_space([whole("a", 1, 2, 1), whole("a", 3, 4, 1)])


def test_a_space_at_the_limit_is_accepted_and_one_over_it_refused():
    assert build_space([whole("a", 1, 1_000_000, 1)]).total == 1_000_000
    with pytest.raises(SpecInvalid, match="the space has 1,000,001 combinations, over the limit of 1,000,000"):
        build_space([whole("a", 1, 1_000_001, 1)])
    with pytest.raises(SpecInvalid, match="over the limit of 5"):
        build_space([whole("a", 1, 6, 1)], limit=5)


def test_an_astronomical_space_is_refused_without_printing_its_size():
    with pytest.raises(SpecInvalid, match="the space has 1,000,000,000,000,000 combinations"):
        build_space([whole("a", 1, "1e14", 1), whole("b", 1, 10, 1)])
    axes = [whole(f"p{number}", 1, "1e14", 1) for number in range(64)]
    with pytest.raises(SpecInvalid, match=r"more than 10\^15 combinations"):
        build_space(axes)

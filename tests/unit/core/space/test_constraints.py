from decimal import Decimal
from typing import Any

import pytest

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.constraints import (
    compile_constraints,
    cost_of_test,
    count_satisfying,
    next_satisfying,
    nothing_satisfies,
    work_between,
)
from backfleet.core.space.parameters import ParameterDeclaration, RangeDeclaration, build_space
from backfleet.core.space.scalars import ParameterType

INT, FLOAT, BOOL, STRING = ParameterType.INT, ParameterType.FLOAT, ParameterType.BOOL, ParameterType.STRING


def space_of(**values):
    """Return a space of lists, typed by their first value."""
    types = {bool: BOOL, int: INT, float: FLOAT, str: STRING}
    return build_space(
        [
            ParameterDeclaration(name=name.replace("__", "-"), type=types[type(listed[0])], values=listed)
            for name, listed in values.items()
        ]
    )


SPACE = space_of(a=[1, 2, 3], b=[1, 2, 3], p=[0.1, 0.2, 0.3], t=[True, False], s=["up", "both"], ema__fast=[9])


def holds(text, **values):
    defaults: dict[str, Any] = {"a": 1, "b": 2, "p": Decimal("0.1"), "t": True, "s": "up", "ema-fast": 9}
    (constraint,) = compile_constraints([text], SPACE)
    return constraint.is_satisfied(defaults | values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a < b", True, id="less"),
        pytest.param("b < a", False, id="not less"),
        pytest.param("a <= 1", True, id="at most"),
        pytest.param("a > 1", False, id="more"),
        pytest.param("a >= 1", True, id="at least"),
        pytest.param("a == 1.0", True, id="equal whatever the spelling"),
        pytest.param("a != 1", False, id="not unequal"),
        pytest.param("p * 3 == 0.3", True, id="exact where floats are not"),
        pytest.param("a / 3 * 3 == a", True, id="exact division"),
        pytest.param("a + b * 2 == 5", True, id="product before sum"),
        pytest.param("(a + b) * 2 == 6", True, id="parentheses"),
        pytest.param("b - a - 1 == 0", True, id="differences from the left"),
        pytest.param("8 / b / 2 == b", True, id="quotients from the left"),
        pytest.param("-a < 0 and --a > 0", True, id="unary minus"),
        pytest.param("t", True, id="bool alone"),
        pytest.param("not t", False, id="not"),
        pytest.param("not not t", True, id="not twice"),
        pytest.param("t == false", False, id="bool against a literal"),
        pytest.param("not a == 2", True, id="not after comparison"),
        pytest.param("a == 2 or b == 2", True, id="or"),
        pytest.param("a == 2 and b == 2", False, id="and"),
        pytest.param("t or t and not t", True, id="and before or"),
        pytest.param("s == 'up' and s != \"down\"", True, id="text in both quotes"),
        pytest.param("`ema-fast` > 8", True, id="a name with a hyphen in backticks"),
        pytest.param("a / 0 > 1", False, id="division by zero"),
        pytest.param("not (a / 0 > 1)", False, id="division by zero under not"),
        pytest.param("a == 1 or a / 0 > 1", True, id="division by zero that is not reached"),
        pytest.param("a/(b-2) < 1", False, id="division by a difference of zero"),
    ],
)
def test_a_constraint_holds_or_not(text, expected):
    assert holds(text) is expected


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        pytest.param(
            "a < c", "at character 5: expected a parameter, got 'c'", "Known: a, b, p, t, s, ema-fast", id="unknown"
        ),
        pytest.param("emafast < 1", "expected a parameter, got 'emafast'", "Did you mean ema-fast?", id="close name"),
        pytest.param("a = 1", "at character 3: '=' is not understood", "Write ==", id="assignment"),
        pytest.param("a < 1; b", "at character 6: ';' is not understood", "Write names", id="foreign sign"),
        pytest.param("a < 'up", 'at character 5: "\'" is not understood', "Write names", id="open quote"),
        pytest.param(
            "a < b < 3", "at character 7: expected one comparison, got two in a row", "Join them with and", id="chain"
        ),
        pytest.param("(a < b", "at character 7: the parenthesis is not closed", "Write )", id="open parenthesis"),
        pytest.param("a < b)", "at character 6: ')' is out of place", "Write an operator", id="closed too often"),
        pytest.param("a b", "at character 3: 'b' is out of place", "Write an operator", id="no operator"),
        pytest.param("a <", "at character 4: expected a term, got 'the end'", "Write a name", id="no right side"),
        pytest.param("", "at character 1: expected a term", "Write a name", id="empty"),
        pytest.param("a < and", "at character 5: expected a term, got 'and'", "Write a name", id="keyword"),
        pytest.param("a + 1", "the constraint is a number, not a bool", "Compare it", id="number"),
        pytest.param("s", "the constraint is text, not a bool", "Compare it", id="text"),
        pytest.param("a and t", "at character 3: each side of and is a number", "Compare it", id="number and bool"),
        pytest.param("t or a", "at character 3: each side of or is a number", "Compare it", id="bool or number"),
        pytest.param("not a", "at character 1: what follows not is a number", "Compare it", id="not a number"),
        pytest.param("t + 1 < 2", "at character 3: each side of + is a bool", "Calculate", id="bool in a sum"),
        pytest.param("-s == s", "at character 1: what follows - is text", "Calculate", id="minus text"),
        pytest.param(
            "a == s", "at character 3: expected a number on each side, got text", "like with like", id="unlike"
        ),
        pytest.param("s < 'x'", "at character 3: text has no order", "Use == or !=", id="order of text"),
        pytest.param("1 < 2", "the constraint names no parameter", "Name one of a, b", id="no parameter"),
        pytest.param("a < 1234567890123456", "more than 15 significant digits", "Round it", id="sixteen digits"),
        pytest.param(
            "(" * 21 + "t" + ")" * 21, "expected at most 20 levels, got more", "Split it", id="deep parentheses"
        ),
        pytest.param("not " * 21 + "t", "expected at most 20 levels, got more", "Split it", id="deep nots"),
        pytest.param(
            "a" + "*9" * 50 + ">1", "expected at most 50 operations, got more", "Split it", id="too many operations"
        ),
        pytest.param(
            "a < b and " * 26 + "a < b", "expected at most 256 characters, got 265", "Split it", id="too long"
        ),
    ],
)
def test_a_constraint_that_cannot_be_read_names_item_position_and_hint(text, problem, hint):
    with pytest.raises(SpecInvalid) as refused:
        compile_constraints(["a < b", text], SPACE)
    assert refused.value.field == "spec.constraints[1]"
    assert problem in refused.value.problem
    assert hint in refused.value.hint


def test_twenty_levels_are_not_too_deep():
    assert holds("(" * 20 + "t" + ")" * 20)


def test_fifty_operations_are_not_too_many():
    assert holds("a" + "+1" * 49 + ">1")


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        pytest.param("a < b", 1, id="one comparison"),
        pytest.param("a + b + a < 9", 1, id="few operations"),
        pytest.param("a" + "+b" * 48 + " < 9", 5, id="a long sum of whole numbers"),
        pytest.param("a" + "*p" * 48 + " < 9", 35, id="a long product of fractions"),
        pytest.param("a" + "/b" * 48 + " < 9", 35, id="a long quotient"),
        pytest.param("a" + "+0.5" * 48 + " < 9", 35, id="a long sum with fractions among its constants"),
        pytest.param("s == 'a/b.c' and t", 1, id="a text that only looks like one"),
    ],
)
def test_a_test_costs_by_its_operations_and_by_what_they_compute_with(text, cost):
    assert cost_of_test(compile_constraints([text], SPACE)) == cost


def test_a_walk_costs_the_tests_that_it_makes():
    dear = compile_constraints(["t and a" + "*p" * 46 + " > 9"], SPACE)
    cost = cost_of_test(dear)
    assert cost == 34
    for limit, tests in ((1, 1), (cost, 1), (3 * cost - 1, 2), (3 * cost, 3)):
        found, cursor = count_satisfying(SPACE, dear, 12, limit)
        assert (found, cursor) == (0, 12 + 2 * tests), "two indexes differ in a parameter that it does not name"
        assert work_between(SPACE, dear, 12, cursor) == tests * cost
    assert work_between(SPACE, dear, 13, 13) == 0
    assert work_between(SPACE, [], 0, SPACE.total) == 0


def test_constraints_are_equal_by_text_and_names():
    assert compile_constraints(["a < b"], SPACE) == compile_constraints(["a < b"], SPACE)
    assert compile_constraints(["a < b"], SPACE) != compile_constraints(["b < a"], SPACE)


def test_names_are_read_in_order_of_appearance_and_once():
    (constraint,) = compile_constraints(["b < a or a > b * 2"], SPACE)
    assert constraint.names == ("b", "a")


def satisfying(space, constraints):
    """Test every combination on its own: the plain way."""
    return [
        index
        for index in range(space.total)
        if all(each.is_satisfied(space.combination(index).values) for each in constraints)
    ]


SETS = {
    "none": [],
    "slow axes": ["a < b"],
    "fast axis": ["s == 'up'"],
    "all kinds": ["a <= b", "p * 2 < 0.5 or t"],
    "nothing": ["a > 3"],
}


@pytest.mark.parametrize("texts", SETS.values(), ids=SETS.keys())
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_counting_in_chunks_finds_what_looking_at_each_finds(texts, chunk):
    constraints = compile_constraints(texts, SPACE)
    cursor = total = 0
    while cursor < SPACE.total:
        found, cursor = count_satisfying(SPACE, constraints, cursor, chunk)
        total += found
    assert total == len(satisfying(SPACE, constraints))
    assert count_satisfying(SPACE, constraints, cursor, chunk) == (0, SPACE.total)


@pytest.mark.parametrize("texts", SETS.values(), ids=SETS.keys())
@pytest.mark.parametrize(("wanted", "scan_limit"), [(1, 1), (1, 1000), (4, 3), (5, 1000)])
def test_the_next_satisfying_indexes_come_in_order_and_none_is_missed(texts, wanted, scan_limit):
    constraints = compile_constraints(texts, SPACE)
    cursor = 0
    indexes: list[int] = []
    while cursor < SPACE.total:
        found, after = next_satisfying(SPACE, constraints, cursor, wanted, scan_limit)
        assert len(found) <= wanted
        assert after > cursor
        assert work_between(SPACE, constraints, cursor, after) <= max(scan_limit, cost_of_test(constraints))
        assert constraints or after - cursor <= wanted
        indexes.extend(found)
        cursor = after
    assert indexes == satisfying(SPACE, constraints)
    assert next_satisfying(SPACE, constraints, cursor, wanted, scan_limit) == ((), SPACE.total)


@pytest.mark.parametrize("texts", [[], ["a < b"]], ids=["free", "constrained"])
def test_nothing_wanted_moves_nothing(texts):
    assert next_satisfying(SPACE, compile_constraints(texts, SPACE), 5, 0, 100) == ((), 5)


def test_the_cursor_stands_behind_the_last_index_that_was_given():
    constraints = compile_constraints(["a >= 2"], SPACE)
    assert next_satisfying(SPACE, constraints, 0, 2, 1000) == ((36, 37), 38)


def test_constraints_that_nothing_meets_are_an_error_with_the_hint():
    error = nothing_satisfies(SPACE, compile_constraints(["a > 3", "t"], SPACE))
    assert str(error) == (
        "spec.constraints: none of the 108 combinations satisfies a > 3 and t. "
        "Loosen the constraints, or widen the ranges of the parameters that they name."
    )


def test_a_million_combinations_without_constraints_cost_nothing():
    axis = ParameterDeclaration(name="a", type=INT, range=RangeDeclaration(start=1, end=1_000_000, step=1))
    space = build_space([axis])
    assert count_satisfying(space, (), 0, 10) == (1_000_000, 1_000_000)
    assert next_satisfying(space, (), 999_998, 5, 1) == ((999_998, 999_999), 1_000_000)


def test_runs_of_fast_axes_that_no_constraint_names_are_decided_once():
    slow = ParameterDeclaration(name="a", type=INT, range=RangeDeclaration(start=1, end=10, step=1))
    fast = ParameterDeclaration(name="b", type=INT, range=RangeDeclaration(start=1, end=100_000, step=1))
    space = build_space([slow, fast])
    assert count_satisfying(space, compile_constraints(["a != 1"], space), 50_000, 1_000_000) == (900_000, 1_000_000)

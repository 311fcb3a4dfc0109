"""Constraints for any text and any space; names of Jobs for any batch."""

import re
from decimal import Decimal
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from backfleet.core.errors import SpecInvalid
from backfleet.core.planning.job_names import job_name
from backfleet.core.space.constraints import compile_constraints, count_satisfying, next_satisfying
from backfleet.core.space.parameters import ParameterDeclaration, build_space
from backfleet.core.space.scalars import ParameterType

SPACE = build_space(
    [
        ParameterDeclaration(name="a", type=ParameterType.INT, values=[1, 2, 3]),
        ParameterDeclaration(name="b", type=ParameterType.FLOAT, values=[0.1, 2, 2.5]),
        ParameterDeclaration(name="t", type=ParameterType.BOOL, values=[True, False]),
        ParameterDeclaration(name="s", type=ParameterType.STRING, values=["up", "both"]),
    ]
)
WORDS = ["a", "b", "t", "s", "`a`", "and", "or", "not", "true", "false", "1", "0", "2.5", "'up'", '"both"']
SIGNS = ["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "(", ")"]


@given(st.text(max_size=300) | st.lists(st.sampled_from(WORDS + SIGNS), max_size=40).map(" ".join))
@example("(" * 256)
@example("-" * 256)
@example("not " * 64)
@example("a" + "*9" * 120 + "<" + "a" + "*9" * 6)
def test_any_text_is_a_constraint_that_can_be_counted_or_spec_invalid(text):
    error = None
    try:
        found, cursor = count_satisfying(SPACE, compile_constraints([text], SPACE), 0, SPACE.total)
    except SpecInvalid as refused:
        error, found, cursor = refused, 0, SPACE.total
    assert 0 <= found <= cursor == SPACE.total
    assert error is None or (error.field == "spec.constraints[0]" and error.hint)


@st.composite
def sums(draw, depth=3):
    """Draw an arithmetic text, fully in parentheses, with what it computes from (a, b)."""
    if depth == 0 or draw(st.booleans()):
        return draw(
            st.sampled_from(
                [
                    ("a", lambda a, b: a),
                    ("b", lambda a, b: b),
                    ("3", lambda a, b: Fraction(3)),
                    ("0.1", lambda a, b: Fraction(1, 10)),
                ]
            )
        )
    left, left_value = draw(sums(depth - 1))
    right, right_value = draw(sums(depth - 1))
    sign = draw(st.sampled_from("+-*/"))
    compute = {
        "+": lambda a, b: left_value(a, b) + right_value(a, b),
        "-": lambda a, b: left_value(a, b) - right_value(a, b),
        "*": lambda a, b: left_value(a, b) * right_value(a, b),
        "/": lambda a, b: left_value(a, b) / right_value(a, b),
    }[sign]
    return f"({left} {sign} {right})", compute


@given(sums(), sums(), st.sampled_from(["==", "<", ">="]))
def test_arithmetic_is_exact_and_division_by_zero_is_not_satisfied(left, right, sign):
    compare = {"==": lambda x, y: x == y, "<": lambda x, y: x < y, ">=": lambda x, y: x >= y}[sign]
    (constraint,) = compile_constraints([f"{left[0]} {sign} {right[0]} or a < 0"], SPACE)
    for index in range(0, SPACE.total, 4):
        values = SPACE.combination(index).values
        a, b = Fraction(values["a"]), Fraction(values["b"])
        try:
            expected = compare(left[1](a, b), right[1](a, b))
        except ZeroDivisionError:
            expected = False
        assert constraint.is_satisfied(values) is expected


@given(
    st.lists(st.sampled_from(["a < 2", "a < b", "t", "s == 'up'", "a * b > 2 or not t", "a > 5"]), max_size=3),
    st.integers(0, 40),
    st.integers(1, 40),
    st.integers(1, 5),
)
def test_walking_in_any_steps_finds_the_same_indexes(texts, cursor, step, wanted):
    constraints = compile_constraints(texts, SPACE)
    expected = [
        index
        for index in range(cursor, SPACE.total)
        if all(each.is_satisfied(SPACE.combination(index).values) for each in constraints)
    ]
    walked: list[int] = []
    at = cursor
    while at < SPACE.total:
        found, at = next_satisfying(SPACE, constraints, at, wanted, step)
        walked.extend(found)
    counted, at = 0, cursor
    while at < SPACE.total:
        found_here, at = count_satisfying(SPACE, constraints, at, step)
        counted += found_here
    assert (walked, counted) == (expected, len(expected))


@given(
    st.text(max_size=253) | st.from_regex(r"[a-z0-9][a-z0-9.-]{0,251}[a-z0-9]", fullmatch=True),
    st.uuids().map(str) | st.text(),
    st.integers(0, 999_999),
    st.integers(1, 99),
)
def test_a_jobs_name_is_a_dns_label_that_tells_index_and_attempt(batch_name, uid, index, attempt):
    name = job_name(batch_name, uid, index, attempt)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name)
    assert name.split("-")[-2:] == [str(index), str(attempt)]
    assert job_name(batch_name, uid, index, attempt) == name


def test_decimals_of_a_space_are_compared_exactly():
    (constraint,) = compile_constraints(["b * 10 == 1"], SPACE)
    assert constraint.is_satisfied({"b": Decimal("0.1")})

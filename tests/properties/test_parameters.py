"""The parameter space for any declaration: a bijection, exact texts, and never an exception other than SpecInvalid."""

import json
from decimal import Decimal
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.parameters import ParameterDeclaration, ParameterSpace, RangeDeclaration, build_space
from backfleet.core.space.scalars import ParameterType, parse_value, value_text
from backfleet.core.spec.model import parse_spec
from backfleet.core.spec.validation import validate_spec
from tests.support.manifests.specs import LIMITS, STRATEGIES, spec_body

NUMBERS = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.integers(-15, 15),
)
TEXTS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)
VALUES = {
    ParameterType.INT: st.integers(-(10**15) + 1, 10**15 - 1),
    ParameterType.FLOAT: NUMBERS,
    ParameterType.BOOL: st.booleans(),
    ParameterType.STRING: TEXTS,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
TYPES = st.sampled_from(list(ParameterType))


def refusal(call):
    """Return the SpecInvalid that a call ends with, or None; any other exception fails the test."""
    try:
        call()
    except SpecInvalid as error:
        return error
    return None


def as_stored(value):
    """Return a value as JSON that an API server may give back: a number, or its text."""
    return str(value) if isinstance(value, Decimal) else value


@st.composite
def lists(draw, name):
    parameter_type = draw(TYPES)
    values = draw(st.lists(VALUES[parameter_type], min_size=1, max_size=4, unique=True))
    stored = [as_stored(value) for value in values]
    return ParameterDeclaration(name=name, type=parameter_type, values=stored), values


@st.composite
def ranges(draw, name):
    """Draw a range in whole units of a power of ten, so that its values are known without decimals."""
    exponent = draw(st.integers(-6, 2))
    start, step, count = draw(st.integers(-999, 999)), draw(st.integers(1, 99)), draw(st.integers(1, 4))
    beyond = draw(st.integers(0, step - 1))
    values = [Decimal(start + step * position).scaleb(exponent) for position in range(count)]
    end = Decimal(start + step * (count - 1) + beyond).scaleb(exponent)
    declared = RangeDeclaration(
        start=float(Decimal(start).scaleb(exponent)), end=float(end), step=str(Decimal(step).scaleb(exponent))
    )
    return ParameterDeclaration(name=name, type=ParameterType.FLOAT, range=declared), values


@st.composite
def spaces(draw):
    drawn = [draw(lists(f"p{number}") | ranges(f"p{number}")) for number in range(draw(st.integers(1, 4)))]
    return build_space([declaration for declaration, _ in drawn]), [values for _, values in drawn]


@given(spaces())
def test_indexes_and_combinations_are_a_bijection_in_the_order_of_a_product(drawn):
    space, values = drawn
    combinations = [tuple(space.combination(index).values.values()) for index in range(space.total)]
    assert combinations == list(product(*values))
    assert len({space.combination(index).digest for index in range(space.total)}) == space.total


@given(spaces())
def test_a_snapshot_gives_the_same_space(drawn):
    space, _ = drawn
    assert ParameterSpace.from_json(json.loads(json.dumps(space.to_json()))) == space


@given(st.data(), TYPES)
def test_a_text_parses_back_to_the_same_value_and_is_plain(data, parameter_type):
    value = data.draw(VALUES[parameter_type])
    parsed = parse_value(as_stored(value), parameter_type, "spec.x")
    text = value_text(parsed)
    assert parsed == value
    assert parse_value(text, parameter_type, "spec.x") == value
    if parameter_type in (ParameterType.INT, ParameterType.FLOAT):
        assert set(text) <= set("-.0123456789")
        assert not ("." in text and text.endswith(("0", ".")))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_of_at_most_15_digits_keeps_its_value_through_text(number):
    if (error := refusal(lambda: parse_value(number, ParameterType.FLOAT, "spec.x"))) is not None:
        assert "digits" in error.problem or "too large or too small" in error.problem
        return
    text = value_text(parse_value(number, ParameterType.FLOAT, "spec.x"))
    assert float(text) == number


@given(raw=JSON, parameter_type=TYPES, place=st.sampled_from(["start", "end", "step", "values", "items", "value"]))
def test_any_json_in_a_scalars_place_is_a_value_or_spec_invalid(raw, parameter_type, place):
    parameter = {"name": "p", "type": parameter_type.value}
    if place in ("start", "end", "step"):
        parameter["range"] = {"start": 1, "end": 3, "step": 1} | {place: raw}
    else:
        parameter["values" if place == "items" else place] = [raw] if place == "items" else raw
    body = spec_body(engine={"name": "noop"}, parameters=[parameter])

    def last_texts():
        space = validate_spec(parse_spec(body), STRATEGIES, LIMITS).space
        assert space.combination(space.total - 1).texts.keys() == {"p"}

    error = refusal(last_texts)
    assert error is None or (error.field.startswith("spec.parameters") and str(error).isprintable())


@given(JSON, st.sampled_from([*spec_body(), "constraints", "search", "objective", "failurePolicy", "resources", "x"]))
def test_any_json_in_a_specs_field_is_a_spec_or_spec_invalid(raw, name):
    error = refusal(lambda: parse_spec(spec_body() | {name: raw}))
    assert error is None or (error.field.startswith(f"spec.{name}") and str(error).isprintable())


@given(JSON)
def test_any_json_is_a_spec_or_spec_invalid(raw):
    error = refusal(lambda: parse_spec(raw))
    assert error is not None
    assert error.hint

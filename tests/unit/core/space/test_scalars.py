from decimal import Decimal

import pytest

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.scalars import ParameterType, parse_number, parse_value, shown, value_text

INT, FLOAT, BOOL, STRING = ParameterType.INT, ParameterType.FLOAT, ParameterType.BOOL, ParameterType.STRING


@pytest.mark.parametrize(
    ("raw", "parameter_type", "value", "text"),
    [
        pytest.param(14, INT, 14, "14", id="int as the server stores 14.0"),
        pytest.param(14.0, INT, 14, "14", id="int as a float"),
        pytest.param("14.0", INT, 14, "14", id="int as decimal text"),
        pytest.param(-3, INT, -3, "-3", id="negative int"),
        pytest.param(1e21, INT, 10**21, "1" + "0" * 21, id="int that the server stores as 1e+21"),
        pytest.param(14, FLOAT, Decimal(14), "14", id="whole float"),
        pytest.param(1, FLOAT, Decimal(1), "1", id="one"),
        pytest.param(0.005, FLOAT, Decimal("0.005"), "0.005", id="small float"),
        pytest.param("5e-3", FLOAT, Decimal("0.005"), "0.005", id="float with an exponent"),
        pytest.param(1e-12, FLOAT, Decimal("1e-12"), "0.000000000001", id="float whose repr has an exponent"),
        pytest.param("+1.50", FLOAT, Decimal("1.5"), "1.5", id="sign and trailing zero"),
        pytest.param(0.1, FLOAT, Decimal("0.1"), "0.1", id="float without an exact double"),
        pytest.param(-0.0, FLOAT, Decimal(0), "0", id="negative zero"),
        pytest.param("0e30", FLOAT, Decimal(0), "0", id="zero with an exponent"),
        pytest.param(1e30, FLOAT, Decimal(10) ** 30, "1" + "0" * 30, id="largest magnitude"),
        pytest.param(123456789012345, FLOAT, Decimal(123456789012345), "123456789012345", id="fifteen digits"),
        pytest.param(True, BOOL, True, "true", id="bool"),
        pytest.param("false", BOOL, False, "false", id="bool as text"),
        pytest.param("SPY", STRING, "SPY", "SPY", id="text"),
        pytest.param("14.0", STRING, "14.0", "14.0", id="text that looks like a number stays as it is"),
    ],
)
def test_a_scalar_becomes_a_value_and_its_exact_text(raw, parameter_type, value, text):
    parsed = parse_value(raw, parameter_type, "spec.x")
    assert (parsed, type(parsed), value_text(parsed)) == (value, type(value), text)
    assert parse_value(value_text(parsed), parameter_type, "spec.x") == parsed


@pytest.mark.parametrize(
    ("raw", "parameter_type", "problem"),
    [
        pytest.param("fourteen", INT, "expected a number, got the text 'fourteen'", id="words"),
        pytest.param("1_000", INT, "expected a number, got the text", id="underscores"),
        pytest.param(" 14", INT, "expected a number, got the text", id="spaces"),
        pytest.param("١٤", INT, "expected a number, got the text", id="digits of another script"),
        pytest.param(".5", FLOAT, "expected a number, got the text", id="no leading digit"),
        pytest.param("1" * 65, FLOAT, "expected a number, got the text", id="endless text"),
        pytest.param("NaN", FLOAT, "expected a number, got the text", id="NaN as text"),
        pytest.param(float("nan"), FLOAT, "expected a number, got nan", id="NaN"),
        pytest.param(float("inf"), FLOAT, "expected a number, got inf", id="infinity"),
        pytest.param(None, FLOAT, "expected a number, got null", id="null"),
        pytest.param(True, INT, "expected a number, got true", id="bool"),
        pytest.param([1], INT, "expected a number, got a list", id="list"),
        pytest.param({"a": 1}, INT, "expected a number, got an object", id="object"),
        pytest.param(14.5, INT, "expected a whole number, got 14.5", id="fraction for int"),
        pytest.param("1e-3", INT, "expected a whole number, got", id="small fraction for int"),
        pytest.param(1234567890123456, INT, "more than 15 significant digits", id="sixteen digits"),
        pytest.param(0.1 + 0.2, FLOAT, "more than 15 significant digits", id="the float 0.30000000000000004"),
        pytest.param(1e31, FLOAT, "too large or too small", id="too large"),
        pytest.param("1e999", FLOAT, "too large or too small", id="far too large"),
        pytest.param("1e-31", FLOAT, "too large or too small", id="too small"),
        pytest.param(10**5000, INT, "an integer of more than 60 digits is too large", id="integer beyond printing"),
        pytest.param(1, BOOL, "expected true or false, got 1", id="number for bool"),
        pytest.param("True", BOOL, "expected true or false, got 'True'", id="capital letter"),
        pytest.param(False, STRING, "expected text, got false", id="what YAML makes of off"),
        pytest.param(14, STRING, "expected text, got 14", id="number for text"),
        pytest.param("", STRING, "printable characters, got ''", id="empty text"),
        pytest.param("a\nb", STRING, "printable characters, got", id="line break"),
        pytest.param("\ud800", STRING, "printable characters, got", id="half a surrogate pair"),
        pytest.param("x" * 257, STRING, "printable characters, got 'xxx", id="endless text for a string"),
    ],
)
def test_a_scalar_of_another_kind_is_refused_with_its_field(raw, parameter_type, problem):
    with pytest.raises(SpecInvalid) as refused:
        parse_value(raw, parameter_type, "spec.parameters[2].value")
    assert refused.value.field == "spec.parameters[2].value"
    assert problem in refused.value.problem
    assert refused.value.hint


def test_text_of_256_characters_is_the_longest():
    assert parse_value("x" * 256, STRING, "spec.x") == "x" * 256


def test_a_number_is_normalized():
    assert str(parse_number("100.00", "spec.x")) == "1E+2"


def test_a_long_text_is_cut_in_messages():
    assert shown("x" * 41) == repr("x" * 37 + "...")
    assert shown("x" * 40) == repr("x" * 40)

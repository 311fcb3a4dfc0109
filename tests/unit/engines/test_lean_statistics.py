from decimal import Decimal

import pytest

from backfleet.engines.lean.statistics import Form, StatisticUnreadable, parse_statistic


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        (Form.NUMBER, "1.48", "1.48"),
        (Form.NUMBER, "-0.977", "-0.977"),
        (Form.NUMBER, "0", "0"),
        (Form.NUMBER, "6.85437353574334E+27", "6854373535743340000000000000"),
        (Form.NUMBER, "-4.1599647001098314E+27", "-4159964700109831400000000000"),
        (Form.NUMBER, "7.9e28", "79000000000000000000000000000"),
        (Form.NUMBER, "1535787524789540", "1535787524789540"),
        (Form.NUMBER, "79228162514264337593543950335", "79228162514264337593543950335"),
        (Form.NUMBER, "1,234,567.5", "1234567.5"),
        (Form.PERCENT, "1.831%", "0.01831"),
        (Form.PERCENT, "-32.639%", "-0.32639"),
        (Form.PERCENT, "65%", "0.65"),
        (Form.PERCENT, "-1.88 %", "-0.0188"),
        (Form.PERCENT, "733913.744%", "7339.13744"),
        (Form.PERCENT, "79228162514264337593543950335%", "792281625142643375935439503.35"),
        (Form.PERCENT, "26116903817855100000000000000%", "261169038178551000000000000"),
        (Form.MONEY, "$63.82", "63.82"),
        (Form.MONEY, "-$63.82", "-63.82"),
        (Form.MONEY, "$-1,728.37", "-1728.37"),
        (Form.MONEY, "€1.02", "1.02"),
        (Form.MONEY, "₹0", "0"),
        (Form.MONEY, "₮0", "0"),
        (Form.MONEY, "Ξ0.00", "0"),
        (Form.MONEY, "BUSD99.75", "99.75"),
        (Form.MONEY, "Kč-12.5", "-12.5"),
        (Form.MONEY, "$101,831.37", "101831.37"),
        (Form.MONEY, "100000", "100000"),
        (Form.MONEY, "$30000000.00", "30000000"),
        (Form.COUNT, "2230", "2230"),
        (Form.COUNT, "2,230", "2230"),
        (Form.COUNT, "0", "0"),
    ],
)
def test_every_way_in_which_lean_writes_a_figure_is_read_exactly(form: Form, text: str, value: str) -> None:
    assert parse_statistic(text, form) == Decimal(value)


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("text", ["", "  ", "NaN", "Infinity", "-Infinity", "∞", "-∞", "inf"])
def test_no_number_is_absent(form: Form, text: str) -> None:
    assert parse_statistic(text, form) is None


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (Form.NUMBER, "1.831%"),
        (Form.NUMBER, "$1.00"),
        (Form.NUMBER, "1,5"),
        (Form.NUMBER, "12,34,567"),
        (Form.NUMBER, "1.2.3"),
        (Form.NUMBER, ".5"),
        (Form.NUMBER, "1."),
        (Form.NUMBER, "--1"),
        (Form.NUMBER, "1e99999"),
        (Form.NUMBER, "0x1F"),
        (Form.NUMBER, "\uff11\uff12"),
        (Form.NUMBER, "1 2"),
        (Form.NUMBER, "true"),
        (Form.NUMBER, "9" * 201),
        (Form.PERCENT, "0.65"),
        (Form.PERCENT, "65%%"),
        (Form.PERCENT, "%"),
        (Form.PERCENT, "$65%"),
        (Form.MONEY, "$"),
        (Form.MONEY, "-$-5"),
        (Form.MONEY, "$.50"),
        (Form.MONEY, "($5.00)"),
        (Form.MONEY, "$5%"),
        (Form.MONEY, "5 USD"),
        (Form.MONEY, "$²5"),
        (Form.COUNT, "1.5"),
        (Form.COUNT, "-1"),
        (Form.COUNT, "2147483648"),
        (Form.COUNT, "n/a"),
    ],
)
def test_any_other_text_is_an_error_that_shows_it(form: Form, text: str) -> None:
    with pytest.raises(StatisticUnreadable, match=f"expected {form.value}, got "):
        parse_statistic(text, form)


def test_a_currency_with_a_digit_in_its_name_is_told_from_the_amount_by_the_account() -> None:
    assert parse_statistic("C985.00", Form.MONEY, "C98") == Decimal("5.00")
    assert parse_statistic("1INCH-5.00", Form.MONEY, "1INCH") == Decimal("-5.00")
    assert parse_statistic("$7.00", Form.MONEY, "USD") == Decimal("7.00")

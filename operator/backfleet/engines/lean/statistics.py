"""A parser of LEAN's texts for numbers: exact decimals, percents as fractions. It never guesses.

The forms are those of Common/Statistics/StatisticsBuilder.cs and of its regression tests in QuantConnect/Lean.
"""

import re
from decimal import Decimal
from enum import StrEnum, unique

MAX_LENGTH = 200
MAX_COUNT = 2**31 - 1


@unique
class Form(StrEnum):
    """The forms in which LEAN writes figures."""

    COUNT = "a whole number"
    NUMBER = "a number"
    PERCENT = "a number with a percent sign"
    MONEY = "an amount of money"


class StatisticUnreadable(Exception):
    """A text that is not a figure of the expected form; the message shows both."""


NOT_FINITE = frozenset({"nan", "infinity", "inf", "∞"})
"""What .NET writes in place of a number; such a figure is absent."""

_NUMBER = re.compile(r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?")


def parse_statistic(text: str, form: Form, currency: str | None = None) -> Decimal | None:
    """Parse the exact value of a text; None for an empty text, NaN or infinity. Raise StatisticUnreadable for any other.

    A percent becomes a fraction. `currency` is the account's currency if known: LEAN writes its code for a currency without a
    known symbol, and the code may contain digits (C98).
    """
    body = text.strip(" ")
    if not body or body.lstrip("+-").casefold() in NOT_FINITE:
        return None
    if len(body) > MAX_LENGTH:
        raise _unreadable(text, form)
    if form is Form.PERCENT:
        if not body.endswith("%"):
            raise _unreadable(text, form)
        body = body[:-1].rstrip(" ")
    sign, body = _cut_sign(body)
    if form is Form.MONEY and not sign:
        sign, body = _cut_sign(_without_symbol(body, currency))
    elif form is Form.MONEY:
        body = _without_symbol(body, currency)
    match = _NUMBER.fullmatch(body)
    if match is None:
        raise _unreadable(text, form)
    whole, fraction, exponent = match.groups(default="")
    value = Decimal(f"{sign}{whole.replace(',', '')}{fraction}{exponent}")
    if form is Form.PERCENT:
        return _hundredth(value)
    if form is Form.COUNT and not (value == value.to_integral_value() and 0 <= value <= MAX_COUNT):
        raise _unreadable(text, form)
    return value


def _cut_sign(text: str) -> tuple[str, str]:
    return (text[0], text[1:]) if text[:1] in ("-", "+") else ("", text)


def _without_symbol(text: str, currency: str | None) -> str:
    """Strip a currency symbol of several letters or signs, but nothing that could be part of a number."""
    if currency and text.startswith(currency):
        return text.removeprefix(currency).lstrip(" ")
    start = next((place for place, letter in enumerate(text) if letter.isnumeric() or letter in "+-"), len(text))
    symbol = text[:start].rstrip(" ")
    return text[start:] if symbol.isprintable() and not re.search(r"[.,%()]", symbol) else text


def _hundredth(value: Decimal) -> Decimal:
    """Divide by 100 exactly: the methods of Decimal would round to the context's 28 digits."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    return Decimal((sign, digits, exponent - 2))


def _unreadable(text: str, form: Form) -> StatisticUnreadable:
    shown = text if len(text) <= 60 else text[:60] + "…"
    return StatisticUnreadable(f"expected {form.value}, got {shown!r}")

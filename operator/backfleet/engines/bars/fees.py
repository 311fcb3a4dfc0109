"""The fees of orders: a fee is a function of whole shares and price."""

import re
from collections.abc import Callable
from math import inf

from backfleet.engines.program import EngineFailure

Fee = Callable[[int, float], float]


def interactive_brokers(shares: int, price: float) -> float:
    """Compute 0.005 per share, at least 1.00, at most 0.5 % of the order's value. The minimum takes precedence, as in LEAN.

    Source: LEAN, InteractiveBrokersFeeHelper.CalculateEquityFee (minimum first, else maximum), with the product's 0.5 %.
    """
    fee = 0.005 * shares
    return 1.0 if fee < 1.0 else min(fee, 0.005 * shares * price)


def no_fee(shares: int, price: float) -> float:
    """Return 0: orders are free."""
    del shares, price
    return 0.0


def basis_points(points: float) -> Fee:
    """Return a fee that is a fraction of the order's value, in hundredths of a percent."""

    def fee(shares: int, price: float) -> float:
        return shares * price * points / 10_000

    return fee


def parse_fee(text: str) -> Fee:
    """Parse `ib`, `none`, or basis points such as `5bps`."""
    if text == "ib":
        return interactive_brokers
    if text == "none":
        return no_fee
    points = float(text[:-3]) if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?bps", text) else inf
    if points > 1000:
        raise EngineFailure(f"fees {text[:40]!r}: expected ib, none, or basis points up to 1000 such as 5bps")
    return basis_points(points)

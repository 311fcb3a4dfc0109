import pytest

from backfleet.engines.bars.fees import interactive_brokers, parse_fee
from backfleet.engines.program import EngineFailure


@pytest.mark.parametrize(
    ("shares", "price", "fee"),
    [
        (1, 100.0, 1.0),
        (199, 100.0, 1.0),
        (200, 100.0, 1.0),
        (1000, 100.0, 5.0),
        (10_000, 0.5, 25.0),
        (10, 5.0, 1.0),
    ],
    ids=["minimum", "just below it", "at it", "per share", "half a percent", "minimum beats maximum"],
)
def test_interactive_brokers_fee(shares: int, price: float, fee: float) -> None:
    assert interactive_brokers(shares, price) == pytest.approx(fee)


@pytest.mark.parametrize(("text", "fee"), [("ib", 5.0), ("none", 0.0), ("0bps", 0.0), ("5bps", 50.0), ("2.5bps", 25.0)])
def test_fees_by_setting(text: str, fee: float) -> None:
    assert parse_fee(text)(1000, 100.0) == pytest.approx(fee)


@pytest.mark.parametrize("text", ["", "IB", "5", "-5bps", "1001bps", "nanbps", "5 bps"])
def test_another_setting_is_an_error_that_says_what_is_expected(text: str) -> None:
    with pytest.raises(EngineFailure, match="expected ib, none, or basis points"):
        parse_fee(text)

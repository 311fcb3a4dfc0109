from decimal import Decimal
from pathlib import Path

import pytest

from backfleet.core.backtests import Prices
from backfleet.engines.bars.factor_files import CorporateAction, Factors, read_factors

DAYS = ["20200109", "20200110", "20200113", "20200130", "20200131", "20200203"]
"""The 10th and the 31st are Fridays."""
ROWS = "20200109,0.441,0.05,90\n20200110,0.441,0.05,100\n20200131,0.49,0.05,5\n20200203,0.49,1,50\n20501231,1,1,0\n"


def read(folder: Path, text: str) -> Factors:
    path = folder / "equity/usa/factor_files/hunt.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    factors = read_factors(folder, "hunt")
    assert factors is not None
    return factors


@pytest.mark.parametrize(
    ("line", "first_day"),
    [
        ("20200110,1,inf,1", "20200130"),
        ("20200110,1,1.6e+06,1", "20200130"),
        ("20200110,0,0,1", "20200130"),
        ("20200131,7,7,7", "20200130"),
    ],
    ids=["inf", "exponent", "product 0", "day twice"],
)
def test_rows_that_lean_skips_are_passed_over_with_a_warning(tmp_path: Path, line: str, first_day: str) -> None:
    factors = read(tmp_path, f"20200131,1,20,0.5\n{line}\n20501231,1,1,0\n")
    assert [(row.day, row.split) for row in factors.rows] == [("20200131", 20), ("20501231", 1)]
    assert factors.first_day == first_day
    assert factors.warnings == ("factor file hunt.csv: 1 row is skipped, as in LEAN (first: line 2)",)


def test_small_exponents_are_factors(tmp_path: Path) -> None:
    assert read(tmp_path, "20200131,1e-05,0.5,3\n20501231,1,1,0\n").rows[0].price == Decimal("0.00001")


def test_rows_are_sorted_and_a_reference_price_may_be_missing(tmp_path: Path) -> None:
    factors = read(tmp_path, "20501231,1,1\n20200131,1,0.5\n")
    assert [(row.day, row.reference) for row in factors.rows] == [("20200131", 0), ("20501231", 0)]
    assert factors.warnings == ()


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        (Prices.RAW, [1.0] * 6),
        (Prices.SPLIT_ADJUSTED, [0.05] * 5 + [1.0]),
        (Prices.ADJUSTED, [0.02205, 0.02205, 0.0245, 0.0245, 0.0245, 0.49]),
    ],
)
def test_the_scales_of_each_mode(tmp_path: Path, prices: Prices, expected: list[float]) -> None:
    assert read(tmp_path, ROWS).scales(DAYS, prices) == pytest.approx(expected)
    assert read(tmp_path, ROWS).scales(["20600101"], prices) == [1.0]


def test_dividends_reach_an_account_unless_they_are_in_the_prices_and_splits_with_raw_prices_alone(
    tmp_path: Path,
) -> None:
    factors = read(tmp_path, ROWS)
    # 100 - 100 x 0.441 / 0.49, and 50 - 50 x 0.49.
    dividends = [CorporateAction("20200110", 10.0, Decimal(1)), CorporateAction("20200203", 25.5, Decimal(1))]
    split = CorporateAction("20200131", 0.0, Decimal("0.05"))
    assert factors.actions(Prices.ADJUSTED) == ()
    assert factors.actions(Prices.SPLIT_ADJUSTED) == tuple(dividends)
    assert factors.actions(Prices.RAW) == (dividends[0], split, dividends[1])


@pytest.mark.parametrize(
    ("reference", "factor", "dividend"),
    [("100.0", "0.994", 0.6), ("118.87", "0.994", 0.71), ("10", "0.9985", 0.02), ("10", "0.9995", 0.0)],
    ids=["exact", "rounded", "half to even", "half to even, down"],
)
def test_a_dividend_is_whole_cents_rounded_as_lean_does(
    tmp_path: Path, reference: str, factor: str, dividend: float
) -> None:
    actions = read(tmp_path, f"20200110,{factor},1,{reference}\n20501231,1,1,0\n").actions(Prices.RAW)
    assert [action.dividend for action in actions] == ([dividend] if dividend else [])


def test_a_row_of_a_weekend_scales_prices_and_pays_nothing(tmp_path: Path) -> None:
    factors = read(tmp_path, "20200111,0.5,1,100\n20501231,1,1,0\n")
    assert factors.actions(Prices.RAW) == ()
    assert factors.scales(DAYS[:3], Prices.ADJUSTED) == [0.5, 0.5, 1.0]

"""What must hold for every strategy over any bars."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.core.backtests import BacktestRequest
from backfleet.core.metrics import METRICS, Unit
from backfleet.engines.bars.backtest import BarsSettings, load_bars, run, trade
from backfleet.engines.bars.fees import Fee, basis_points, interactive_brokers, no_fee
from backfleet.engines.bars.market_data import Bars, read_bars
from backfleet.engines.bars.portfolio import Signals, affordable, simulate
from tests.unit.engines.builders import make_bars, make_request, write_data

RSI = st.fixed_dictionaries(
    {
        "rsi_period": st.integers(1, 5).map(str),
        "entry_threshold": st.integers(20, 70).map(str),
        "exit_threshold": st.integers(40, 95).map(str),
    }
)
SMA = st.fixed_dictionaries(
    {
        "fast_sma": st.integers(1, 4).map(str),
        "slow_sma": st.integers(2, 8).map(str),
        "volume_threshold": st.sampled_from(["0", "0.5", "1"]),
    }
)
EXITS = st.fixed_dictionaries(
    {
        "stop_loss_pct": st.sampled_from(["0.01", "0.05", "0.5"]),
        "profit_target_pct": st.sampled_from(["0.02", "0.1", "5"]),
    }
)
REQUESTS = st.one_of(
    st.builds(lambda own, exits: make_request("RSI_MeanReversion_ETF", own | exits), RSI, EXITS),
    st.builds(lambda own, exits: make_request("SMA_Crossover_ETF", own | exits), SMA, EXITS),
)
PRICES = st.lists(st.integers(200, 3000), min_size=2, max_size=80)
"""In whole eighths, so that a split by a power of two is exact in LEAN's format."""


@st.composite
def bars_strategy(draw: st.DrawFn) -> Bars:
    closes = [price / 8 for price in draw(PRICES)]
    opens = [max(0.125, close + draw(st.integers(-80, 80)) / 8) for close in closes]
    volumes = [float(draw(st.integers(1, 10**6))) for _ in closes]
    return make_bars(closes, opens, volumes)


def cut(bars: Bars, count: int) -> Bars:
    columns = ("days", "opens", "highs", "lows", "closes", "volumes")
    return replace(bars, **{column: getattr(bars, column)[:count] for column in columns})


@settings(deadline=None)
@given(bars_strategy(), REQUESTS, st.data())
def test_without_its_future_the_past_is_the_same(bars: Bars, request: BacktestRequest, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(bars)))
    whole, part = trade(request, bars, BarsSettings()), trade(request, cut(bars, count), BarsSettings())
    assert part.equity == whole.equity[:count]
    assert part.trades == tuple(item for item in whole.trades if item.exit_bar < count)


@pytest.mark.parametrize("strategy", ["RSI_MeanReversion_ETF", "SMA_Crossover_ETF"])
def test_without_their_future_the_real_bars_past_is_the_same(strategy: str) -> None:
    random = Random(strategy)
    for symbol in ("AAPL", "IBM", "MSFT") * 10:
        own = (
            {"rsi_period": random.randint(2, 20), "entry_threshold": random.randint(25, 45)}
            if strategy == "RSI_MeanReversion_ETF"
            else {"fast_sma": random.randint(2, 40), "slow_sma": random.randint(40, 150), "volume_threshold": 1}
        )
        request = make_request(strategy, {name: str(value) for name, value in own.items()}, (symbol,))
        bars = load_bars(request)
        count = random.randint(1000, len(bars))
        whole, part = trade(request, bars, BarsSettings()), trade(request, cut(bars, count), BarsSettings())
        assert part.equity == whole.equity[:count]
        assert part.trades == tuple(item for item in whole.trades if item.exit_bar < count)
        assert len(part.trades) > 5


@settings(deadline=None)
@given(bars_strategy(), REQUESTS, st.integers(1, 3000))
def test_a_close_changes_no_order_that_its_own_open_filled(bars: Bars, request: BacktestRequest, eighths: int) -> None:
    other = replace(bars, closes=[*bars.closes[:-1], eighths / 8], volumes=[*bars.volumes[:-1], 1e9])
    known, changed = (trade(request, each, BarsSettings()) for each in (bars, other))
    assert (changed.trades, changed.open_shares, changed.order_count) == (
        known.trades,
        known.open_shares,
        known.order_count,
    )
    assert changed.equity[:-1] == known.equity[:-1]


@settings(deadline=None)
@given(bars_strategy(), st.data(), st.integers(1, 500), st.sampled_from([basis_points(5), interactive_brokers]))
def test_fees_lower_equity_by_themselves_and_change_nothing_else(
    bars: Bars, data: st.DataObject, shares: int, fee: Fee
) -> None:
    wishes = st.lists(st.booleans(), min_size=len(bars), max_size=len(bars))
    signals = Signals(
        enter=data.draw(wishes),
        leave=data.draw(wishes),
        size=lambda equity, cash, price: shares,
        stop_loss_pct=0.05,
        profit_target_pct=0.05,
    )
    free, dear = (simulate(bars, signals, 1e9, each) for each in (no_fee, fee))
    assert [(item.entry_bar, item.exit_bar, item.shares) for item in dear.trades] == [
        (item.entry_bar, item.exit_bar, item.shares) for item in free.trades
    ]
    costs = [without - with_fees for without, with_fees in zip(free.equity, dear.equity, strict=True)]
    assert all(later >= earlier - 1e-3 for earlier, later in pairwise([0.0, *costs]))
    assert abs(costs[-1] - dear.total_fees) < 1e-3
    assert dear.total_fees > 0 or not dear.order_count


@settings(deadline=None)
@given(bars_strategy(), REQUESTS)
def test_the_books_balance_and_positions_never_overlap(bars: Bars, request: BacktestRequest) -> None:
    ledger = trade(request, bars, BarsSettings())
    last_exit = 0
    for item in ledger.trades:
        assert last_exit <= item.entry_bar < item.exit_bar < len(bars)
        assert (item.entry_price, item.exit_price) == (bars.opens[item.entry_bar], bars.opens[item.exit_bar])
        assert isinstance(item.shares, int)
        assert item.shares > 0
        last_exit = item.exit_bar
    assert ledger.order_count == 2 * len(ledger.trades) + bool(ledger.open_shares)
    if not ledger.open_shares:
        assert abs(ledger.equity[-1] - 1000 - sum(item.profit for item in ledger.trades)) < 1e-6


MONEY = {name for name, metric in METRICS.items() if metric.unit is Unit.MONEY}


@settings(deadline=None)
@given(bars_strategy(), REQUESTS, st.sampled_from([0.25, 2, 16]), st.sampled_from([no_fee, basis_points(8)]))
def test_in_another_currency_money_scales_and_ratios_stay(
    bars: Bars, request: BacktestRequest, rate: float, fee: Fee
) -> None:
    # A power of two and fees in proportion: every share, every comparison and every ratio is exactly the same.
    priced = {name: [price * rate for price in getattr(bars, name)] for name in ("opens", "highs", "lows", "closes")}
    plain = run(request, bars, BarsSettings(fee=fee))
    scaled_request = replace(request, initial_cash=request.initial_cash * Decimal(str(rate)))
    scaled = run(scaled_request, replace(bars, **priced), BarsSettings(fee=fee))
    assert scaled.metrics == {
        name: value * rate if name in MONEY and value is not None else value for name, value in plain.metrics.items()
    }
    assert scaled.equity_curve == tuple((day, value * rate) for day, value in plain.equity_curve)


@settings(deadline=None)
@given(
    st.integers(0, 600),
    st.floats(-10, 3000),
    st.integers(1, 4000).map(lambda eighths: eighths / 8),
    st.sampled_from([no_fee, interactive_brokers, basis_points(5), basis_points(1000)]),
)
def test_an_order_is_cut_to_the_most_that_the_cash_pays(shares: int, cash: float, price: float, fee: Fee) -> None:
    fitting = (count for count in range(shares, 0, -1) if count * price + fee(count, price) <= cash)
    assert affordable(shares, cash, price, fee) == next(fitting, 0)


def row(bars: Bars, bar: int, ratio: int) -> str:
    """A line of LEAN's format, as it was before a split by `ratio`."""
    prices = (bars.opens[bar], bars.highs[bar], bars.lows[bar], bars.closes[bar])
    texts = [f"{price * ratio * 10_000:.0f}" for price in prices]
    return f"{bars.days[bar]} 00:00,{','.join(texts)},{bars.volumes[bar] / ratio}\n"


@settings(max_examples=50, deadline=None)
@given(bars_strategy(), REQUESTS, st.sampled_from([2, 4, 8]), st.data())
def test_a_split_changes_nothing(bars: Bars, request: BacktestRequest, ratio: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(bars) - 1))
    plain = "".join(row(bars, bar, 1) for bar in range(len(bars)))
    split = "".join(row(bars, bar, ratio if bar < at else 1) for bar in range(len(bars)))
    first, last = date(2000, 3, 1), date(2000, 3, 1) + timedelta(days=len(bars))
    with TemporaryDirectory() as name:
        folder = write_data(Path(name), "plain", plain)
        write_data(folder, "split", split, f"{bars.days[at - 1]},1,{1 / ratio},1\n20501231,1,1,0\n")
        unsplit, adjusted = (read_bars(folder, symbol, first, last) for symbol in ("plain", "split"))
    assert replace(adjusted, symbol="plain", fingerprint="") == replace(unsplit, fingerprint="")
    assert run(request, adjusted).metrics == run(request, unsplit).metrics

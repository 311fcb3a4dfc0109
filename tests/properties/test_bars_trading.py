"""What must hold for every strategy over any bars."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.core.backtests import BacktestRequest
from backfleet.core.metrics import METRICS, Unit
from backfleet.engines.bars.backtest import load_bars, run, trade
from backfleet.engines.bars.fees import Fee, basis_points, interactive_brokers, no_fee
from backfleet.engines.bars.market_data import Bars, read_bars
from backfleet.engines.bars.portfolio import Signals, affordable, simulate
from backfleet.engines.bars.settings import BarsSettings
from backfleet.engines.bars.strategies import STRATEGIES
from tests.support.bars.parameters import days_for, random_parameters, symbols_for
from tests.support.engines import make_bars, make_request, texts_of, write_data


def texts(**choices: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries(choices).map(texts_of)


def one_of(*values: object) -> st.SearchStrategy[object]:
    return st.sampled_from(values)


PERIOD = st.integers(1, 5)
WINDOW = st.integers(2, 5)
OWN = {
    "RSI_MeanReversion_ETF": texts(
        rsi_period=PERIOD, entry_threshold=st.integers(20, 70), exit_threshold=st.integers(40, 95)
    ),
    "BollingerBand_ETF_LowFreq": texts(
        bb_period=WINDOW, bb_std_dev=one_of(0, 0.5, 1, 2), entry_distance_pct=one_of(0, 0.3, 1)
    ),
    "SMA_Crossover_ETF": texts(fast_sma=st.integers(1, 4), slow_sma=st.integers(2, 8), volume_threshold=one_of(0, 1)),
    "Breakout_Momentum_Equity": texts(
        lookback_period=WINDOW,
        breakout_threshold=one_of(0, 0.02),
        volume_multiplier=one_of(0, 1),
        holding_period=PERIOD,
    ),
    "ATR_Breakout_ETF": texts(atr_period=PERIOD, breakout_multiplier=one_of(0.1, 0.5, 1), holding_period=PERIOD),
    "VIX_Market_Timing": texts(
        vix_entry_threshold=one_of(30, 100), vix_exit_threshold=one_of(50, 90), position_size_pct=one_of(0.5, 1)
    ),
    "RSI_MACD_Combo_ETF": texts(
        rsi_period=PERIOD,
        rsi_threshold=st.integers(30, 90),
        rsi_exit_threshold=st.integers(60, 99),
        macd_fast=PERIOD,
        macd_slow=PERIOD,
        macd_signal=PERIOD,
    ),
    "MeanReversion_TrendFilter_ETF": texts(
        rsi_period=PERIOD, rsi_entry=st.integers(30, 90), trend_sma=PERIOD, require_trend=st.booleans()
    ),
    "Earnings_Momentum": texts(lookback_period=PERIOD, momentum_threshold=one_of(-0.1, 0, 0.05), holding_period=PERIOD),
    "Statistical_Pairs_Trading": texts(sma_period=WINDOW, std_dev_threshold=one_of(0, 0.5, 1)),
    "Relative_Strength_Leaders": texts(lookback_period=PERIOD, holding_period=PERIOD),
    "Gap_Trading_Overnight": texts(gap_threshold=one_of(0, 0.01, 0.1), gap_direction=one_of("up", "down", "both")),
    "Donchian_Breakout_ETF": texts(donchian_period=PERIOD, breakout_threshold=one_of(0.9, 1, 1.02)),
    "Quality_Factor_Momentum": texts(momentum_period=PERIOD, momentum_threshold=one_of(0, 0.05), holding_period=PERIOD),
}
EXITS = texts(stop_loss_pct=one_of(0.01, 0.05, 0.5), profit_target_pct=one_of(0.02, 0.1, 5))
REQUESTS = st.one_of(
    *(st.builds(lambda own, exits, name=name: make_request(name, own | exits), own, EXITS) for name, own in OWN.items())
)
PRICES = st.lists(st.integers(200, 3000), min_size=2, max_size=80)
"""In whole eighths, so that a split by a power of two is exact in LEAN's format."""


Series = tuple[Bars, ...]


@st.composite
def bars_strategy(draw: st.DrawFn, count: int | None = None) -> Bars:
    prices = PRICES if count is None else st.lists(st.integers(200, 3000), min_size=count, max_size=count)
    closes = [price / 8 for price in draw(prices)]
    opens = [max(0.125, close + draw(st.integers(-80, 80)) / 8) for close in closes]
    bars = make_bars(closes, opens, [float(draw(st.integers(1, 10**6))) for _ in closes])
    reach = [draw(st.integers(0, 16)) / 8 for _ in closes]
    return replace(
        bars,
        highs=[high + more for high, more in zip(bars.highs, reach, strict=True)],
        lows=[max(0.125, low - more) for low, more in zip(bars.lows, reach, strict=True)],
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[BacktestRequest, Series]:
    """Draw a request, and the bars of as many symbols as its strategy takes, on the same days."""
    request, bars = draw(REQUESTS), draw(bars_strategy())
    others = STRATEGIES[request.strategy].symbols[1:]
    return request, (bars, *(draw(bars_strategy(len(bars))) for _ in others))


def is_day_trade(request: BacktestRequest) -> bool:
    return request.strategy == "Gap_Trading_Overnight"


def cut(series: Series, count: int) -> Series:
    columns = ("days", "opens", "highs", "lows", "closes", "volumes")
    return tuple(replace(bars, **{name: getattr(bars, name)[:count] for name in columns}) for bars in series)


@settings(deadline=None, max_examples=300)
@given(cases(), st.data())
def test_without_its_future_the_past_is_the_same(case: tuple[BacktestRequest, Series], data: st.DataObject) -> None:
    request, series = case
    count = data.draw(st.integers(1, len(series[0])))
    whole, part = trade(request, series, BarsSettings()), trade(request, cut(series, count), BarsSettings())
    assert part.equity == whole.equity[:count]
    assert part.trades == tuple(item for item in whole.trades if item.exit_bar < count)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_without_their_future_the_real_bars_past_is_the_same(strategy: str) -> None:
    random, trades = Random(strategy), 0
    for _ in range(15):
        parameters = texts_of(random_parameters(strategy, random))
        request = make_request(strategy, parameters, random.choice(symbols_for(strategy)), "10000", days_for(strategy))
        series = load_bars(request)
        count = random.randint(1000, len(series[0]))
        whole, part = trade(request, series, BarsSettings()), trade(request, cut(series, count), BarsSettings())
        assert part.equity == whole.equity[:count]
        assert part.trades == tuple(item for item in whole.trades if item.exit_bar < count)
        trades += len(part.trades)
    assert trades > 50


@settings(deadline=None, max_examples=300)
@given(cases(), st.integers(1, 3000))
def test_a_close_changes_no_order_that_its_own_open_filled(case: tuple[BacktestRequest, Series], eighths: int) -> None:
    request, series = case
    other = tuple(
        replace(bars, closes=[*bars.closes[:-1], eighths / 8], volumes=[*bars.volumes[:-1], 1e9]) for bars in series
    )
    known, changed = (trade(request, each, BarsSettings()) for each in (series, other))
    if is_day_trade(request):
        # It leaves at that close, so only what it bought is the same.
        known, changed = (
            replace(each, trades=tuple(item._replace(exit_price=0.0, fees=0.0) for item in each.trades))
            for each in (known, changed)
        )
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
        size=lambda bar, cash, price: shares,
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


@settings(deadline=None, max_examples=300)
@given(cases())
def test_the_books_balance_and_positions_never_overlap(case: tuple[BacktestRequest, Series]) -> None:
    request, series = case
    bars, ledger = series[0], trade(request, series, BarsSettings())
    last_exit = -1
    for item in ledger.trades:
        exit_price = (bars.closes if is_day_trade(request) else bars.opens)[item.exit_bar]
        assert (item.entry_price, item.exit_price) == (bars.opens[item.entry_bar], exit_price)
        assert max(last_exit, 0) <= item.entry_bar <= item.exit_bar < len(bars)
        assert item.entry_bar == item.exit_bar if is_day_trade(request) else item.entry_bar < item.exit_bar
        assert not is_day_trade(request) or item.entry_bar > last_exit
        assert isinstance(item.shares, int)
        assert item.shares > 0
        last_exit = item.exit_bar
    assert ledger.order_count == 2 * len(ledger.trades) + bool(ledger.open_shares)
    if not ledger.open_shares:
        assert abs(ledger.equity[-1] - 1000 - sum(item.profit for item in ledger.trades)) < 1e-6


MONEY = {name for name, metric in METRICS.items() if metric.unit is Unit.MONEY}


def priced(bars: Bars, rate: float) -> Bars:
    names = ("opens", "highs", "lows", "closes")
    prices: dict[str, Any] = {name: [price * rate for price in getattr(bars, name)] for name in names}
    return replace(bars, **prices)


@settings(deadline=None, max_examples=300)
@given(cases(), st.sampled_from([0.25, 2, 16]), st.sampled_from([no_fee, basis_points(8)]))
def test_in_another_currency_money_scales_and_ratios_stay(
    case: tuple[BacktestRequest, Series], rate: float, fee: Fee
) -> None:
    # A power of two and fees in proportion: every share, every comparison and every ratio is exactly the same.
    request, series = case
    plain = run(request, series, BarsSettings(fee=fee))
    scaled_request = replace(request, initial_cash=request.initial_cash * Decimal(str(rate)))
    # A level of fear is in no currency.
    others = series[1:] if request.strategy == "VIX_Market_Timing" else [priced(bars, rate) for bars in series[1:]]
    scaled = run(scaled_request, (priced(series[0], rate), *others), BarsSettings(fee=fee))
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
    """Return a line of LEAN's format, as it was before a split by `ratio`."""
    prices = (bars.opens[bar], bars.highs[bar], bars.lows[bar], bars.closes[bar])
    texts = [f"{price * ratio * 10_000:.0f}" for price in prices]
    return f"{bars.days[bar]} 00:00,{','.join(texts)},{bars.volumes[bar] / ratio}\n"


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from([2, 4, 8]), st.data())
def test_a_split_changes_nothing(case: tuple[BacktestRequest, Series], ratio: int, data: st.DataObject) -> None:
    request, (bars, *others) = case
    at = data.draw(st.integers(1, len(bars) - 1))
    plain = "".join(row(bars, bar, 1) for bar in range(len(bars)))
    split = "".join(row(bars, bar, ratio if bar < at else 1) for bar in range(len(bars)))
    first, last = date(2000, 3, 1), date(2000, 3, 1) + timedelta(days=len(bars))
    with TemporaryDirectory() as name:
        folder = write_data(Path(name), "plain", plain)
        # The first day has a row too: bars from before the first row do not count.
        rows = "".join(f"{day},1,{1 / ratio},1\n" for day in sorted({bars.days[0], bars.days[at - 1]}))
        write_data(folder, "split", split, f"{rows}20501231,1,1,0\n")
        unsplit, adjusted = (read_bars(folder, symbol, first, last) for symbol in ("plain", "split"))
    adjusted = replace(adjusted, symbol="plain", fingerprint="", warnings=())
    assert adjusted == replace(unsplit, fingerprint="", warnings=())
    assert run(request, (adjusted, *others)).metrics == run(request, (unsplit, *others)).metrics


def test_every_strategy_is_among_those_that_the_properties_hold_for() -> None:
    assert set(OWN) == set(STRATEGIES)

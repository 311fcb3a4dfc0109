"""raptorbt as an independent broker and indicator library, driven day by day under the convention of `bars`.

Every day is two of raptorbt's bars: one that holds only the open, where orders of the day before are filled (at its close,
which is the open), then the day itself, at whose close equity is read and the next order decided. So next-open fills need no
shifted data, and an order's price, its fee, cash, equity and the list of trades are raptorbt's own.

What raptorbt cannot express, and the driver or the tests therefore state themselves:
- Stop and target judged on the close: its own fire inside the bar, at the stop's price. The driver compares the close with
  the entry price that raptorbt reports.
- The size of an order: it takes any number of units, so the driver gives whole ones.
- A number of bars to hold: the driver counts the days that raptorbt held.
- An order cut to the cash at a higher open: it refuses such an order, so the driver asks for fewer.
- Interactive Brokers' minimum and maximum fee: only fractions of the order's value are compared.
- A position open at the end: it closes it (`EndOfData`) and calls that a trade; those are left out here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy
import raptorbt

from backfleet.engines.bars.market_data import Bars

DAY = 86_400 * 10**9


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When to enter and leave by the indicators, how many shares (of day, equity, cash and price), and the other exits.

    A rule for `is_day_trade` enters at the open and leaves at the same close, and nothing else makes it leave.
    """

    enter: list[bool]
    leave: list[bool]
    size: Callable[[int, float, float, float], int]
    stop: float
    target: float
    holding_days: float = inf
    is_day_trade: bool = False


@dataclass(frozen=True, kw_only=True)
class Run:
    """What raptorbt did; days are positions in the bars."""

    equity: list[float]
    held_days: int
    trades: list[Any]
    open_trade: Any | None


def run_rule(bars: Bars, rule: Rule, cash: float, fee: float) -> Run:
    """Trade the rule with `fee` as a fraction of an order's value."""
    session = raptorbt.KernelSession(config=config(cash, fee))
    walk = run_day_trades if rule.is_day_trade else run_closes
    equity, held_days = walk(session, bars, rule, fee)
    open_trade = None
    trades = session.finish().trades()
    if trades and trades[-1].exit_reason == "EndOfData":
        open_trade = trades.pop()
    return Run(equity=equity, held_days=held_days, trades=trades, open_trade=open_trade)


def run_closes(session: Any, bars: Bars, rule: Rule, fee: float) -> tuple[list[float], int]:
    equity: list[float] = []
    held_days = held = wanted = 0
    is_leaving = False
    for day, (open_, high, low, close, volume, may_enter, should_leave) in enumerate(days_of(bars, rule)):
        buy(session, day, open_, wanted, fee)
        session.step(2 * day, DAY * day, open_, open_, open_, open_, volume, exit=is_leaving)
        session.step(2 * day + 1, DAY * day + DAY // 2, open_, high, low, close, volume)
        equity.append(session.equity())
        position, wanted, is_leaving = session.position(), 0, False
        if position is not None:
            held, held_days = held + 1, held_days + 1
            gain = (close - position.entry_price) / position.entry_price
            is_leaving = should_leave or gain <= -rule.stop or gain >= rule.target or held >= rule.holding_days
        else:
            held = 0
            wanted = rule.size(day, session.equity(), session.cash(), close) if may_enter else 0
        held = 0 if is_leaving else held
    return equity, held_days


def run_day_trades(session: Any, bars: Bars, rule: Rule, fee: float) -> tuple[list[float], int]:
    equity: list[float] = []
    held_days = 0
    for day, (open_, high, low, close, volume, may_enter, _) in enumerate(days_of(bars, rule)):
        if may_enter:
            buy(session, day, open_, rule.size(day, session.equity(), session.cash(), open_), fee)
        session.step(2 * day, DAY * day, open_, open_, open_, open_, volume)
        is_held = session.position() is not None
        session.step(2 * day + 1, DAY * day + DAY // 2, open_, high, low, close, volume, exit=is_held)
        equity.append(session.equity())
        held_days += is_held
    return equity, held_days


def days_of(bars: Bars, rule: Rule) -> Iterator[tuple[float, float, float, float, float, bool, bool]]:
    return zip(bars.opens, bars.highs, bars.lows, bars.closes, bars.volumes, rule.enter, rule.leave, strict=True)


def buy(session: Any, day: int, price: float, shares: int, fee: float) -> None:
    """Order what the cash pays at the open, for the bar that is the open."""
    while shares and shares * price * (1 + fee) > session.cash():
        shares -= 1
    if shares:
        session.submit_order("buy", "market", 2 * day, DAY * day, f"buy-{day}", units=float(shares))


def config(cash: float, fee: float = 0.0) -> Any:
    return raptorbt.BacktestConfig(
        initial_capital=cash, fees=fee, slippage=0.0, fill_timing="same_bar_close", periods_per_year=252.0
    )


def holding(path: list[float]) -> Any:
    """Return raptorbt's metrics of holding something worth `path` from the first bar to the last, without fees."""
    prices = numpy.array(path)
    entries = numpy.zeros(len(path), bool)
    entries[0] = True
    times = numpy.arange(len(path), dtype=numpy.int64) * DAY
    columns = (prices, prices, prices, prices, numpy.ones(len(path)))
    return raptorbt.run_single_backtest(times, *columns, entries, ~entries & False, config=config(path[0])).metrics

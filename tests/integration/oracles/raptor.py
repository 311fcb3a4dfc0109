"""raptorbt as an independent broker and indicator library, driven day by day under the convention of `bars`.

Every day is two of raptorbt's bars: one that holds only the open, where orders of the day before are filled (at its close,
which is the open), then the day itself, at whose close equity is read and the next order decided. So next-open fills need no
shifted data, and an order's price, its fee, cash, equity and the list of trades are raptorbt's own.

What raptorbt cannot express, and the driver or the tests therefore state themselves:
- Stop and target judged on the close: its own fire inside the bar, at the stop's price. The driver compares the close with
  the entry price that raptorbt reports.
- The size of an order: it takes any number of units, so the driver gives whole ones.
- An order cut to the cash at a higher open: it refuses such an order, so the driver asks for fewer.
- Interactive Brokers' minimum and maximum fee: only fractions of the order's value are compared.
- A position open at the end: it closes it (`EndOfData`) and calls that a trade; those are left out here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor
from typing import Any

import numpy
import raptorbt

from backfleet.engines.bars.market_data import Bars

DAY = 86_400 * 10**9


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When to enter and leave by the indicators, how many shares (of equity, cash and close), and the two exits."""

    enter: list[bool]
    leave: list[bool]
    size: Callable[[float, float, float], int]
    stop: float
    target: float


@dataclass(frozen=True, kw_only=True)
class Run:
    """What raptorbt did; days are positions in the bars."""

    equity: list[float]
    held_days: int
    trades: list[Any]
    open_trade: Any | None


def rsi_rule(bars: Bars, parameters: dict[str, float]) -> Rule:
    strength = raptorbt.rsi(numpy.array(bars.closes), int(parameters["rsi_period"]))
    stop = parameters["stop_loss_pct"]
    return Rule(
        enter=(strength < parameters["entry_threshold"]).tolist(),
        leave=(strength > parameters["exit_threshold"]).tolist(),
        size=lambda equity, cash, close: min(floor(0.01 * equity / (close * stop)), floor(0.95 * cash / close)),
        stop=stop,
        target=parameters["profit_target_pct"],
    )


def sma_rule(bars: Bars, parameters: dict[str, float]) -> Rule:
    closes, volumes = numpy.array(bars.closes), numpy.array(bars.volumes)
    # Rounded, for its running sums part averages that are equal.
    fast = raptorbt.sma(closes, int(parameters["fast_sma"])).round(9)
    slow = raptorbt.sma(closes, int(parameters["slow_sma"])).round(9)
    ready = int(max(parameters["fast_sma"], parameters["slow_sma"])) - 1
    average = numpy.full(len(bars), numpy.inf)
    average[ready:] = numpy.cumsum(volumes[ready:]) / numpy.arange(1, len(bars) - ready + 1)
    fraction = min(0.01 / parameters["stop_loss_pct"], 1.0)
    return Rule(
        enter=((fast > slow) & (volumes > parameters["volume_threshold"] * average)).tolist(),
        leave=(fast < slow).tolist(),
        size=lambda equity, cash, close: floor(fraction * equity / close),
        stop=parameters["stop_loss_pct"],
        target=parameters["profit_target_pct"],
    )


def run_rule(bars: Bars, rule: Rule, cash: float, fee: float) -> Run:
    """Trade the rule with `fee` as a fraction of an order's value."""
    session = raptorbt.KernelSession(config=config(cash, fee))
    equity: list[float] = []
    held_days = wanted = 0
    is_leaving = False
    days = zip(bars.opens, bars.highs, bars.lows, bars.closes, bars.volumes, rule.enter, rule.leave, strict=True)
    for day, (open_, high, low, close, volume, may_enter, should_leave) in enumerate(days):
        while wanted and wanted * open_ * (1 + fee) > session.cash():
            wanted -= 1
        if wanted:
            session.submit_order("buy", "market", 2 * day, DAY * day, f"buy-{day}", units=float(wanted))
        session.step(2 * day, DAY * day, open_, open_, open_, open_, volume, exit=is_leaving)
        session.step(2 * day + 1, DAY * day + DAY // 2, open_, high, low, close, volume)
        equity.append(session.equity())
        position, wanted, is_leaving = session.position(), 0, False
        if position is not None:
            held_days += 1
            gain = (close - position.entry_price) / position.entry_price
            is_leaving = should_leave or gain <= -rule.stop or gain >= rule.target
        elif may_enter:
            wanted = rule.size(session.equity(), session.cash(), close)
    open_trade = None
    trades = session.finish().trades()
    if trades and trades[-1].exit_reason == "EndOfData":
        open_trade = trades.pop()
    return Run(equity=equity, held_days=held_days, trades=trades, open_trade=open_trade)


def config(cash: float, fee: float = 0.0) -> Any:
    return raptorbt.BacktestConfig(
        initial_capital=cash, fees=fee, slippage=0.0, fill_timing="same_bar_close", periods_per_year=252.0
    )


def holding(path: list[float]) -> Any:
    """raptorbt's metrics of holding something worth `path` from the first bar to the last, without fees."""
    prices = numpy.array(path)
    entries = numpy.zeros(len(path), bool)
    entries[0] = True
    times = numpy.arange(len(path), dtype=numpy.int64) * DAY
    columns = (prices, prices, prices, prices, numpy.ones(len(path)))
    return raptorbt.run_single_backtest(times, *columns, entries, ~entries & False, config=config(path[0])).metrics

"""Orders, fills and equity over the bars: one position at a time, long only, whole shares.

A signal on a bar's close is filled at the next bar's open; a signal on the last bar fills nothing. A position that is open at
the end is marked at the last close. Stop loss and profit target are checked on closes, like every other signal. Only a day
trade acts on an open: it is filled there, and is sold at the same bar's close.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from typing import NamedTuple

from backfleet.engines.bars.fees import Fee
from backfleet.engines.bars.market_data import Bars

Size = Callable[[int, float, float], int]
"""Returns whole shares to buy, given the signal's bar, the cash (all of equity, since nothing is held) and the signal's price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """A strategy's signals at each bar's close. `leave` counts only while holding, `enter` only while flat.

    A position is also sold by stop, by target, or after `holding_bars`, which include the entry's own bar.
    """

    enter: Sequence[bool]
    leave: Sequence[bool]
    size: Size
    stop_loss_pct: float
    profit_target_pct: float
    holding_bars: float = inf


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTrades:
    """A strategy's signals at each bar's open, for a position until the same bar's close."""

    enter: Sequence[bool]
    size: Size


class Trade(NamedTuple):
    """A closed trade; bars are positions in the series, money is in account currency."""

    entry_bar: int
    exit_bar: int
    shares: int
    entry_price: float
    exit_price: float
    fees: float

    @property
    def gross(self) -> float:
        """Return the profit before fees."""
        return self.shares * (self.exit_price - self.entry_price)

    @property
    def profit(self) -> float:
        """Return the profit after the fees of both orders."""
        return self.gross - self.fees


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The record of a simulation: equity at every close, closed trades, and counts that these do not show."""

    initial_cash: float
    equity: list[float]
    trades: tuple[Trade, ...]
    order_count: int
    total_fees: float
    held_bars: int
    open_shares: int


class BarAction(NamedTuple):
    """An action before the open of a bar: a dividend per share, and the factor for prices from then on."""

    bar: int
    dividend: float
    split: Decimal


NEVER = BarAction(-1, 0.0, Decimal(1))


def bar_actions(bars: Bars) -> list[BarAction]:
    """Assign the actions to the bars that follow them, one per bar. Drop those after the last bar."""
    found: dict[int, BarAction] = {}
    for day, dividend, split in bars.actions:
        bar = bisect_right(bars.days, day)
        _, earlier, factor = found.get(bar, NEVER)
        found[bar] = BarAction(bar, earlier + dividend, factor * split)
    return [found[bar] for bar in sorted(found) if 0 < bar < len(bars.days)]


class Account:
    """Cash, the one position, and the orders filled so far."""

    __slots__ = (
        "cash",
        "entry_bar",
        "entry_fee",
        "entry_price",
        "fee",
        "order_count",
        "shares",
        "total_fees",
        "trades",
    )

    def __init__(self, cash: float, fee: Fee) -> None:
        self.cash = cash
        self.fee = fee
        self.shares = 0
        self.entry_bar = 0
        self.entry_price = 0.0
        self.entry_fee = 0.0
        self.order_count = 0
        self.total_fees = 0.0
        self.trades: list[Trade] = []

    def buy(self, bar: int, shares: int, price: float) -> None:
        """Fill a market order, reduced to what the cash can pay for: cash never falls below zero."""
        fee = self.fee(shares, price)
        cost = shares * price + fee
        if cost > self.cash:
            shares = affordable(shares, self.cash, price, self.fee)
            if shares == 0:
                return
            fee = self.fee(shares, price)
            cost = shares * price + fee
        self.shares = shares
        self.entry_bar = bar
        self.entry_price = price
        self.entry_fee = fee
        self.cash -= cost
        self.order_count += 1
        self.total_fees += fee

    def apply(self, action: "BarAction", close: float) -> None:
        """Pay the dividend, then split the shares. A fraction of a share is paid at the split-adjusted close before."""
        _, dividend, split = action
        self.cash += self.shares * dividend
        if split != 1:
            quantity = self.shares / split
            self.shares = int(quantity)
            self.cash += float(quantity - self.shares) * close * float(split)
            self.entry_price *= float(split)

    def sell(self, bar: int, price: float) -> None:
        """Sell the whole position at market and book the trade. Do nothing if a split left no whole share."""
        shares = self.shares
        if not shares:
            return
        fee = self.fee(shares, price)
        self.cash += shares * price - fee
        self.order_count += 1
        self.total_fees += fee
        self.trades.append(Trade(self.entry_bar, bar, shares, self.entry_price, price, self.entry_fee + fee))
        self.shares = 0


def affordable(shares: int, cash: float, price: float, fee: Fee) -> int:
    """Return the most shares, up to `shares`, that `cash` pays for with fees (the price may have risen since the signal)."""
    shares = min(shares, int(cash / price) + 1)
    while shares > 0 and (excess := shares * price + fee(shares, price) - cash) > 0:
        # No step is too long: one share less saves at most 1.1 times its price, since the highest fee is a tenth.
        shares -= max(1, int(excess / (1.1 * price)))
    return max(0, shares)


def simulate(bars: Bars, signals: Signals | DayTrades, initial_cash: float, fee: Fee) -> Ledger:
    """Simulate the signals in one pass over the bars."""
    account = Account(initial_cash, fee)
    if isinstance(signals, DayTrades):
        equity, held_bars = _walk_days(bars, signals, account)
    else:
        equity, held_bars = _walk(bars, signals, account)
    return Ledger(
        initial_cash=initial_cash,
        equity=equity,
        trades=tuple(account.trades),
        order_count=account.order_count,
        total_fees=account.total_fees,
        held_bars=held_bars,
        open_shares=account.shares,
    )


def _walk(bars: Bars, signals: Signals, account: Account) -> tuple[list[float], int]:
    """Go from one position to the next: a close orders, the next open fills, and every close is marked."""
    closes, size = bars.closes, signals.size
    count, bar, held_bars = len(closes), 0, 0
    entries = [*signals.enter[: count - 1], True]  # an order at the last close is never filled
    actions = bar_actions(bars)
    equity: list[float] = []
    while bar < count:
        # Nothing is held at this bar's close, nor until the next close that orders something.
        cash, signal = account.cash, entries.index(True, bar)
        while signal < count - 1 and (wanted := size(signal, cash, closes[signal])) <= 0:
            signal = entries.index(True, signal + 1)
        equity += [cash] * (signal + 1 - bar)
        bar = signal + 1
        if bar == count:
            break
        pending = actions[bisect_left(actions, (bar,)) :] if actions else []
        if pending and pending[0].bar == bar:
            wanted = int(wanted / pending.pop(0).split)  # LEAN also splits orders that wait for the open
        if wanted:
            account.buy(bar, wanted, bars.opens[bar])
        if account.shares:
            entry = bar
            bar = _hold(bars, signals, account, pending, equity)
            held_bars += bar - entry
    return equity, held_bars


def _hold(bars: Bars, signals: Signals, account: Account, actions: list[BarAction], equity: list[float]) -> int:
    """Mark the position at each close until a close signals an exit, sell at the next open, and return that bar."""
    opens, closes, leave, mark = bars.opens, bars.closes, signals.leave, equity.append
    stop, target = -signals.stop_loss_pct, signals.profit_target_pct
    count, bar = len(closes), account.entry_bar
    last_bar = bar + signals.holding_bars - 1
    shares, cash, price = account.shares, account.cash, account.entry_price
    waiting = iter(actions)
    action = next(waiting, NEVER)
    for bar in range(bar, count):  # noqa: B020 - the last bar is read after the loop
        if bar == action.bar:
            account.apply(action, closes[bar - 1])
            shares, cash, price = account.shares, account.cash, account.entry_price
            action = next(waiting, NEVER)
        close = closes[bar]
        mark(cash + shares * close)
        gain = (close - price) / price
        if leave[bar] or gain <= stop or gain >= target or bar >= last_bar:
            break
    bar += 1
    if bar < count:
        if bar == action.bar:
            account.apply(action, closes[bar - 1])
        account.sell(bar, opens[bar])
    return bar


def _walk_days(bars: Bars, signals: DayTrades, account: Account) -> tuple[list[float], int]:
    """Buy at the open of each wanted bar, and sell at its close."""
    size, opens, closes = signals.size, bars.opens, bars.closes
    equity: list[float] = []
    held_bars = 0
    for bar, is_wanted in enumerate(signals.enter):
        if is_wanted and (shares := size(bar, account.cash, opens[bar])) > 0:
            account.buy(bar, shares, opens[bar])
            if account.shares:
                account.sell(bar, closes[bar])
                held_bars += 1
        equity.append(account.cash)
    return equity, held_bars

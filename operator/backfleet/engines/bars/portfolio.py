"""Orders, fills and equity over the bars: one position at a time, long only, whole shares.

A signal of a bar's close is filled at the next bar's open; a signal on the last bar fills nothing. A position that is open at
the end is marked at the last close. Stop loss and profit target are judged on closes, like every other signal. Only a day
trade acts on an open: it is filled there, and leaves at the same bar's close.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from backfleet.engines.bars.fees import Fee
from backfleet.engines.bars.market_data import Bars

Size = Callable[[int, float, float], int]
"""Whole shares to buy, of the signal's bar, the cash (all of equity, since nothing is held) and the price at the signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What a strategy wants at each bar's close; `leave` counts only while holding, `enter` only while flat.

    A position also leaves by stop, by target, or once it was held for `holding_bars`, its entry's own bar included.
    """

    enter: Sequence[bool]
    leave: Sequence[bool]
    size: Size
    stop_loss_pct: float
    profit_target_pct: float
    holding_bars: float = inf


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTrades:
    """What a strategy wants at each bar's open: a position until the same bar's close."""

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
        """Profit before fees."""
        return self.shares * (self.exit_price - self.entry_price)

    @property
    def profit(self) -> float:
        """Profit after the fees of both orders."""
        return self.gross - self.fees


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What happened: equity at every close, closed trades, and the counts that they do not show."""

    initial_cash: float
    equity: list[float]
    trades: tuple[Trade, ...]
    order_count: int
    total_fees: float
    held_bars: int
    open_shares: int


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
        """Fill a market order; what the cash does not pay for is cut off, so that cash never goes below zero."""
        fee = self.fee(shares, price)
        if shares * price + fee > self.cash:
            shares = affordable(shares, self.cash, price, self.fee)
            if shares == 0:
                return
            fee = self.fee(shares, price)
        self.shares, self.entry_bar, self.entry_price, self.entry_fee = shares, bar, price, fee
        self.cash -= shares * price + fee
        self.order_count += 1
        self.total_fees += fee

    def sell(self, bar: int, price: float) -> None:
        """Fill a market order for the whole position, and book the trade."""
        fee = self.fee(self.shares, price)
        self.cash += self.shares * price - fee
        self.order_count += 1
        self.total_fees += fee
        fees = self.entry_fee + fee
        self.trades.append(Trade(self.entry_bar, bar, self.shares, self.entry_price, price, fees))
        self.shares = 0


def affordable(shares: int, cash: float, price: float, fee: Fee) -> int:
    """The most shares, at most `shares`, whose price and fee are within `cash` (the price may have risen since the signal)."""
    shares = min(shares, int(cash / price) + 1)
    while shares > 0 and (excess := shares * price + fee(shares, price) - cash) > 0:
        # No step is too long: a share less saves at most its price and a tenth, the dearest fee there is.
        shares -= max(1, int(excess / (1.1 * price)))
    return max(0, shares)


def simulate(bars: Bars, signals: Signals | DayTrades, initial_cash: float, fee: Fee) -> Ledger:
    """Walk once over the bars."""
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
    """At each bar fill what the last close ordered, mark, then judge this close."""
    cash = account.cash
    opens, enter, leave, size = bars.opens, signals.enter, signals.leave, signals.size
    stop, target, holding_bars = -signals.stop_loss_pct, signals.profit_target_pct, signals.holding_bars
    equity: list[float] = []
    held_bars = shares = wanted = 0
    entry_price = last_bar = 0.0
    is_leaving = False
    for bar, close in enumerate(bars.closes):
        if wanted > 0:
            account.buy(bar, wanted, opens[bar])
            cash, shares, entry_price = account.cash, account.shares, account.entry_price
            wanted, last_bar = 0, bar + holding_bars - 1
        elif is_leaving:
            account.sell(bar, opens[bar])
            cash, shares = account.cash, 0
            is_leaving = False
        if shares:
            held_bars += 1
            equity.append(cash + shares * close)
            gain = (close - entry_price) / entry_price
            is_leaving = leave[bar] or gain <= stop or gain >= target or bar >= last_bar
        else:
            equity.append(cash)
            if enter[bar]:
                wanted = size(bar, cash, close)
    return equity, held_bars


def _walk_days(bars: Bars, signals: DayTrades, account: Account) -> tuple[list[float], int]:
    """At each bar judge its open, buy there, and sell at its close."""
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

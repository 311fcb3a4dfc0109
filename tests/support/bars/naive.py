"""STR-001 and STR-003 restated from the strategy page, plainly and independently of the engine: own reader, own splits."""

import csv
import io
import zipfile
from collections import deque
from dataclasses import dataclass
from math import floor

from backfleet.engines.bars.market_data import PACKAGED_FOLDER

SPLITS = {"aapl": ["20000621", "20050228"], "msft": ["20030218"], "ibm": []}


@dataclass
class Day:
    open: float
    high: float
    low: float
    close: float
    volume: float

    @classmethod
    def flat(cls, price: float) -> "Day":
        """Return a bar with one price all day and no volume."""
        return cls(price, price, price, price, 0.0)


def read_days(symbol: str) -> list[Day]:
    with zipfile.ZipFile(PACKAGED_FOLDER / f"equity/usa/daily/{symbol}.zip") as archive:
        rows = list(csv.reader(io.StringIO(archive.read(f"{symbol}.csv").decode())))
    days = []
    for date, *texts, volume in rows:
        ratio = 2 ** sum(date[:8] < split for split in SPLITS[symbol])
        prices = [int(text) / 10_000 / ratio for text in texts]
        first, high, low, last = prices
        days.append(Day(first, high, low, last, int(volume) * ratio))
    return days


class NaiveRsi:
    """An RSI that is fed close by close. It is None until it has seen `period` changes."""

    def __init__(self, period: int) -> None:
        self.period = period
        self.previous: float | None = None
        self.gains: list[float] = []
        self.losses: list[float] = []
        self.gain: float | None = None
        self.loss: float | None = None

    def update(self, close: float) -> float | None:
        if self.previous is None:
            self.previous = close
            return None
        change, self.previous = close - self.previous, close
        up, down = max(change, 0), max(-change, 0)
        if self.gain is None or self.loss is None:
            self.gains.append(up)
            self.losses.append(down)
            if len(self.gains) < self.period:
                return None
            self.gain, self.loss = sum(self.gains) / self.period, sum(self.losses) / self.period
        else:
            self.gain = (self.gain * (self.period - 1) + up) / self.period
            self.loss = (self.loss * (self.period - 1) + down) / self.period
        return 100.0 if self.loss == 0 else 100 - 100 / (1 + self.gain / self.loss)


class NaiveBroker:
    """Cash, one position, and orders that wait for the next open."""

    def __init__(self, cash: float, stop: float, target: float) -> None:
        self.cash, self.stop, self.target = cash, stop, target
        self.shares, self.entry, self.order = 0, 0.0, 0
        self.trades: list[tuple[int, int, int, float]] = []
        self.bought_at = 0
        self.equity: list[float] = []

    def fee(self, shares: int, price: float) -> float:
        per_share = shares * 0.005
        if per_share < 1:
            return 1.0
        return min(per_share, shares * price * 0.005)

    def open(self, number: int, price: float) -> None:
        if self.order > 0:
            shares = self.order
            while shares and shares * price + self.fee(shares, price) > self.cash:
                shares -= 1
            if shares:
                self.cash -= shares * price + self.fee(shares, price)
                self.shares, self.entry, self.bought_at = shares, price, number
        elif self.order < 0:
            self.cash += self.shares * price - self.fee(self.shares, price)
            self.trades.append((self.bought_at, number, self.shares, self.cash))
            self.shares = 0
        self.order = 0

    def has_hit(self, close: float) -> bool:
        gain = (close - self.entry) / self.entry
        return gain >= self.target or -gain >= self.stop

    def mark(self, close: float) -> float:
        self.equity.append(self.cash + self.shares * close)
        return self.equity[-1]


def run_rsi(
    days: list[Day], period: int = 14, entry: float = 30, exit_: float = 70, stop: float = 0.01, target: float = 0.02
) -> NaiveBroker:
    broker, rsi = NaiveBroker(1000.0, stop, target), NaiveRsi(period)
    for number, day in enumerate(days):
        broker.open(number, day.open)
        equity = broker.mark(day.close)
        strength = rsi.update(day.close)
        if broker.shares:
            if broker.has_hit(day.close) or (strength is not None and strength > exit_):
                broker.order = -1
        elif strength is not None and strength < entry:
            by_risk = floor(0.01 * equity / (day.close * stop))
            by_cash = floor(0.95 * broker.cash / day.close)
            broker.order = min(by_risk, by_cash)
    return broker


def run_sma(
    days: list[Day],
    fast: int = 30,
    slow: int = 150,
    volume_threshold: float = 1.5,
    stop: float = 0.015,
    target: float = 0.02,
) -> NaiveBroker:
    broker = NaiveBroker(1000.0, stop, target)
    recent_fast: deque[float] = deque(maxlen=fast)
    recent_slow: deque[float] = deque(maxlen=slow)
    volume_total, volume_count = 0.0, 0
    for number, day in enumerate(days):
        broker.open(number, day.open)
        equity = broker.mark(day.close)
        recent_fast.append(day.close)
        recent_slow.append(day.close)
        if len(recent_fast) < fast or len(recent_slow) < slow:
            continue
        volume_total, volume_count = volume_total + day.volume, volume_count + 1
        above = round(sum(recent_fast) / fast - sum(recent_slow) / slow, 9)  # equal averages are equal
        if broker.shares:
            if broker.has_hit(day.close) or above < 0:
                broker.order = -1
        elif above > 0 and day.volume > volume_threshold * (volume_total / volume_count):
            broker.order = floor(min(0.01 / stop, 1) * equity / day.close)
    return broker

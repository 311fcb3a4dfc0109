"""Orders and closed trades in a full result of LEAN, in both layouts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backfleet.engines.files import MEBIBYTE, FileProblem, clean_text, read_json
from backfleet.engines.lean.curve import finite

CANCELLED, INVALID = 5, 7
"""Numbers of `OrderStatus` in Common/Orders/OrderTypes.cs; order events have its name instead."""
MAX_TRADES = 50_000
MAX_EVENTS_BYTES = 4 * MEBIBYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCounts:
    """How the orders of a run ended."""

    total: int
    cancelled: int = 0
    invalid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTrade:
    """A closed trade: its profit before fees, and the fees of its orders, in account currency."""

    exit_time: str
    profit: float
    fees: float

    @property
    def net(self) -> float:
        """Return the profit after fees."""
        return self.profit - self.fees


def count_orders(body: object) -> OrderCounts | None:
    """Count the orders in the object `orders`; None without one."""
    if not isinstance(body, dict):
        return None
    counts = Counter(status for order in body.values() if isinstance(status := _get(order, "status"), int))
    return OrderCounts(total=len(body), cancelled=counts[CANCELLED], invalid=counts[INVALID])


def read_trades(body: object) -> tuple[ClosedTrade, ...] | None:
    """Read the list `closedTrades`, ordered by exit time; None without it, or if any trade is unreadable."""
    if not isinstance(body, list) or len(body) > MAX_TRADES:
        return None
    found = tuple(_trades(body))
    return tuple(sorted(found, key=lambda trade: trade.exit_time)) if len(found) == len(body) else None


def trade_rates(trades: Sequence[ClosedTrade], start_equity: float | None) -> dict[str, float | None]:
    """Compute win rate, averages and their ratio from closed trades, after fees, as `bars` does; empty without a closed trade.

    An average is that of profit / realized capital before each trade. LEAN's own averages stay if the capital is unknown.
    """
    if not trades:
        return {}
    rates: dict[str, float | None] = {"win_rate": sum(trade.net > 0 for trade in trades) / len(trades)}
    if start_equity is None:
        return rates
    capital, wins, losses = start_equity, list[float](), list[float]()
    for trade in trades:
        (wins if trade.net > 0 else losses).append(trade.net / capital if capital > 0 else 0.0)
        capital += trade.net
    win, loss = _mean(wins), _mean(losses)
    ratio = win / -loss if win and loss else None
    return rates | {"average_win": win, "average_loss": loss, "profit_loss_ratio": ratio}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def refusal(folder: Path, name: str | None) -> str | None:
    """Return LEAN's reason for the first refused order, from the order events; None if they do not contain it."""
    try:
        events = read_json(folder, name, MAX_EVENTS_BYTES) if name else None
    except FileProblem:
        return None
    for event in events if isinstance(events, list) else ():
        words = _get(event, "message")
        if _get(event, "status") == "invalid" and isinstance(words, str) and words.strip():
            return clean_text(words.strip(), 400)
    return None


def _trades(body: list[object]) -> Iterator[ClosedTrade]:
    for value in body:
        profit, fees = finite(_get(value, "profitLoss")), finite(_get(value, "totalFees"))
        end = _get(value, "exitTime")
        if profit is not None and fees is not None and isinstance(end, str):
            yield ClosedTrade(exit_time=end[:40], profit=profit, fees=fees)


def _get(body: object, key: str) -> object:
    """Return a field by its camelCase name, or by the PascalCase name of the old layout."""
    return body.get(key, body.get(key[:1].upper() + key[1:])) if isinstance(body, Mapping) else None

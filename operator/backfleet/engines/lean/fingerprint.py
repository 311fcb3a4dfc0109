"""The fingerprint of a run: digests of its orders, statistics and equity, by which two runs of one backtest are compared.

Two runs of the same backtest by the same LEAN have the same fingerprint. What differs between them by nature is left out: times,
host and memory, the GUIDs of closed trades, LEAN's own analysis. A part that the files do not have is `absent`.
"""

from backfleet.engines.lean.digests import ABSENT, digest
from backfleet.engines.lean.evidence import Evidence


def fingerprint_of(seen: Evidence) -> str:
    """Return the digests as `name=digest`, separated by spaces."""
    document, whole = seen.document, seen.whole
    orders = ABSENT
    if whole is not None and whole.orders_digest is not None:
        orders = digest([whole.orders_digest, seen.order_events_digest])
    statistics = digest([document.statistics, document.portfolio, document.trades])
    equity = digest(seen.equity) if seen.equity else ABSENT
    return f"orders={orders} statistics={statistics} equity={equity}"

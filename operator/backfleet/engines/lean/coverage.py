"""Which of a batch's symbols LEAN had data for, by the paths that it requested and not by their number.

A path is `/<type>/<market>/<resolution>/...` below the data folder. Every run requests the benchmark and the interest rate, so
some requests succeed even if no symbol of the batch has data.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from backfleet.engines.files import FileProblem, clean_text, read_ends

MAX_LIST_BYTES = 1024 * 1024
"""How much of each end of a list is read."""
INTRADAY = ("minute", "second", "tick")
RESOLUTIONS = ("daily", "hour", *INTRADAY)
USUAL_BENCHMARK = "spy"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLists:
    """The tickers whose data was found, and those whose data was missing, each with its first path."""

    found: frozenset[str] = frozenset()
    missing: dict[str, str] = field(default_factory=dict)

    def has_data(self, symbol: str) -> bool:
        """Report whether LEAN found any data of the symbol."""
        return _ticker_of(symbol) in self.found

    def missed_path(self, symbol: str) -> str | None:
        """Return the first path of the symbol that LEAN did not find; None if it found other data of the symbol."""
        return None if self.has_data(symbol) else self.missing.get(_ticker_of(symbol))

    def has_none_of(self, symbols: tuple[str, ...], benchmarks: frozenset[str]) -> bool:
        """Report whether no request for any of the symbols succeeded.

        A symbol that LEAN never requested may have another name in the data, or the algorithm may choose its own symbols. It
        counts as missing only if nothing but a benchmark was found.
        """
        if any(self.has_data(symbol) for symbol in symbols):
            return False
        is_refused = any(self.missed_path(symbol) for symbol in symbols)
        return is_refused or self.found <= {USUAL_BENCHMARK, *(_ticker_of(each) for each in benchmarks)}


def read_lists(folder: Path, succeeded: str | None, failed: str | None) -> RequestLists | None:
    """Read the lists of a run; None if one of them is missing or unreadable."""
    if succeeded is None or failed is None:
        return None
    try:
        found = frozenset(ticker for ticker, _ in _securities(folder, succeeded))
        missing: dict[str, str] = {}
        for ticker, path in _securities(folder, failed):
            missing.setdefault(ticker, path)
    except FileProblem:
        return None
    return RequestLists(found=found, missing=missing)


def _securities(folder: Path, name: str) -> Iterator[tuple[str, str]]:
    text, _ = read_ends(folder, name, MAX_LIST_BYTES)
    for line in text.splitlines():
        ticker = _ticker_in(line.strip())
        if ticker is not None:
            yield ticker, clean_text(line.strip(), 200)


def _ticker_in(path: str) -> str | None:
    """Return the ticker in `/equity/usa/daily/aapl.zip`, `/crypto/coinbase/daily/btcusd_trade.zip` or
    `/equity/usa/minute/spy/20131007_trade.zip`.
    """
    parts = [part for part in re.split(r"[/\\]+", path) if part]
    if len(parts) < 4 or parts[2] not in RESOLUTIONS:
        return None
    if parts[2] in INTRADAY and len(parts) > 4:
        return parts[3].casefold()
    return PurePosixPath(parts[3]).stem.partition("_")[0].casefold()


def _ticker_of(symbol: str) -> str:
    """Return the ticker of a symbol, which LEAN's identifier may follow."""
    return symbol.strip().partition(" ")[0].casefold()

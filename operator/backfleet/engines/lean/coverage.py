"""Which of a batch's symbols LEAN had data for: by the paths that it asked for, not by their number.

A path is `/<type>/<market>/<resolution>/...` below the data folder. The benchmark and the interest rate are asked for in every
run, so a run has requests that succeeded though no symbol of its batch had data.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from backfleet.engines.files import FileProblem, clean_text, read_ends

MAX_LIST_BYTES = 1024 * 1024
"""Of each end of a list."""
INTRADAY = ("minute", "second", "tick")
RESOLUTIONS = ("daily", "hour", *INTRADAY)
USUAL_BENCHMARK = "spy"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLists:
    """The tickers of securities whose data was found, and those whose data was not, each with the first path."""

    found: frozenset[str] = frozenset()
    missing: dict[str, str] = field(default_factory=dict)

    def has_data(self, symbol: str) -> bool:
        return _ticker_of(symbol) in self.found

    def missed_path(self, symbol: str) -> str | None:
        """The path that LEAN asked for in vain, where it found nothing else of this symbol."""
        return None if self.has_data(symbol) else self.missing.get(_ticker_of(symbol))

    def has_none_of(self, symbols: tuple[str, ...], benchmarks: frozenset[str]) -> bool:
        """No request for any of the symbols succeeded.

        A symbol that LEAN never asked for may have another name in the data, or the algorithm may choose its own ones: it counts
        as missing only where nothing but a benchmark was found.
        """
        if any(self.has_data(symbol) for symbol in symbols):
            return False
        is_refused = any(self.missed_path(symbol) for symbol in symbols)
        return is_refused or self.found <= {USUAL_BENCHMARK, *(_ticker_of(each) for each in benchmarks)}


def read_lists(folder: Path, succeeded: str | None, failed: str | None) -> RequestLists | None:
    """The lists of a run; None where one of them is not there or cannot be read."""
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
    """Of `/equity/usa/daily/aapl.zip`, `/crypto/coinbase/daily/btcusd_trade.zip`, `/equity/usa/minute/spy/20131007_trade.zip`."""
    parts = [part for part in re.split(r"[/\\]+", path) if part]
    if len(parts) < 4 or parts[2] not in RESOLUTIONS:
        return None
    if parts[2] in INTRADAY and len(parts) > 4:
        return parts[3].casefold()
    return PurePosixPath(parts[3]).stem.partition("_")[0].casefold()


def _ticker_of(symbol: str) -> str:
    """A symbol may come with LEAN's identifier behind it."""
    return symbol.strip().partition(" ")[0].casefold()

"""Gathers all that one results folder of LEAN says, from whichever of its files can be read."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backfleet.core import wire
from backfleet.core.backtests import Finding
from backfleet.engines.files import MEBIBYTE, FileProblem, read_bytes
from backfleet.engines.lean.coverage import RequestLists, read_lists
from backfleet.engines.lean.curve import Points
from backfleet.engines.lean.document import Document, read_document
from backfleet.engines.lean.logs import LogFacts, read_logs
from backfleet.engines.lean.monitor import DataRequests, read_monitor_report
from backfleet.engines.lean.result_files import ResultFiles, find_files
from backfleet.engines.lean.standstill import Standstill, find_standstills
from backfleet.engines.lean.trading import OrderCounts, refusal
from backfleet.engines.risk_free import RiskFreeRates, parse_rates

MAX_GAP = timedelta(days=10)
"""Between the last point of equity and the end of the run: longer than any holiday, shorter than a run that was cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`document` is what is judged: the summary, or the full result; `full` is there beside a summary alone."""

    document: Document
    full: Document | None = None
    requests: DataRequests | None = None
    lists: RequestLists | None = None
    refusal: str | None = None
    rates: RiskFreeRates | None = None
    logs: LogFacts = field(default_factory=LogFacts)
    warnings: tuple[str, ...] = ()

    @property
    def documents(self) -> tuple[Document, ...]:
        return (self.document,) if self.full is None else (self.document, self.full)

    @property
    def whole(self) -> Document | None:
        """The full result if it is the final one: only there are trades, orders and the points of every day."""
        return next((each for each in reversed(self.documents) if each.is_full and each.is_final), None)

    @property
    def orders(self) -> OrderCounts | None:
        return self.whole.orders if self.whole else None

    @property
    def analysis(self) -> tuple[Finding, ...]:
        return self.whole.analysis if self.whole else ()

    @property
    def standstills(self) -> tuple[Standstill, ...]:
        """Not from a summary: equal values of two samples do not say that nothing moved between them."""
        return find_standstills(self.whole.equity, self.whole.benchmark) if self.whole else ()

    @property
    def equity(self) -> Points:
        """Of the full result if that is the final one: a summary holds about 100 points."""
        return (self.full.equity if self.full and self.full.is_final else ()) or self.document.equity

    @property
    def gap(self) -> str | None:
        """In words, that the equity curve ends well before the run's own end date; None when it does not, or is not known."""
        ran = self.document.configuration
        if ran is None or ran.end_date is None or not self.equity:
            return None
        last = datetime.fromtimestamp(self.equity[-1][0], UTC).date()
        if ran.end_date - last <= MAX_GAP:
            return None
        return f"the equity curve ends on {last}, the run on {ran.end_date}"


def gather(folder: Path) -> Evidence:
    """Read result, monitor report and logs; FileProblem when there is no result that can be read."""
    files = find_files(folder)
    documents, warnings = _read_documents(folder, files)
    requests = None
    if files.monitor_report is not None:
        try:
            requests = read_monitor_report(folder, files.monitor_report)
        except FileProblem as problem:
            warnings.append(f"not read: {problem}")
    return Evidence(
        document=documents[0],
        full=documents[1] if len(documents) > 1 else None,
        requests=requests,
        rates=_read_rates(folder),
        lists=read_lists(folder, files.succeeded_requests, files.failed_requests),
        refusal=refusal(folder, files.order_events)
        if any(each.orders and each.orders.invalid for each in documents)
        else None,
        logs=read_logs(folder, files.stem),
        warnings=tuple(warnings),
    )


def _read_rates(folder: Path) -> RiskFreeRates | None:
    """The daily rates in the data that LEAN ran with, of which the shim keeps a copy; None without one."""
    try:
        return parse_rates(read_bytes(folder, wire.SHIM_KEPT_FILE, MEBIBYTE).decode("utf-8-sig", "replace"))
    except FileProblem:
        return None


def _read_documents(folder: Path, files: ResultFiles) -> tuple[list[Document], list[str]]:
    """The summary first; LEAN swallows the error when it cannot write one of the two, so either may be bad or old."""
    found: list[Document] = []
    problems: list[FileProblem] = []
    for name in (files.summary, files.full):
        if name is not None:
            try:
                found.append(read_document(folder, name))
            except FileProblem as problem:
                # Without its frames, which would keep the file's content beside the next one's.
                problems.append(problem.with_traceback(None))
    if not found:
        raise problems[0]
    warnings = [f"not read: {problem}" for problem in problems]
    if files.full is None:
        warnings.append("there is a summary without the full result: the equity curve is the summary's")
    elif len(found) > 1 and not found[1].is_final:
        warnings.append(f"{files.full} is a version from half-way: the equity curve is the summary's")
    return found, warnings

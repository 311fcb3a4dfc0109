"""The evidence in one results folder of LEAN, from all files that can be read."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backfleet.core import wire
from backfleet.core.backtests import Finding
from backfleet.engines.files import MEBIBYTE, FileProblem, read_bytes
from backfleet.engines.lean.coverage import RequestLists, read_lists
from backfleet.engines.lean.curve import Points
from backfleet.engines.lean.digests import ABSENT, digest_order_events
from backfleet.engines.lean.document import Document, read_document
from backfleet.engines.lean.logs import LogFacts, read_logs
from backfleet.engines.lean.monitor import DataRequests, read_monitor_report
from backfleet.engines.lean.result_files import ResultFiles, find_files
from backfleet.engines.lean.standstill import Standstill, find_standstills
from backfleet.engines.lean.trading import OrderCounts, refusal
from backfleet.engines.risk_free import RiskFreeRates, parse_rates

MAX_GAP = timedelta(days=10)
"""The largest gap between the last equity point and the end of a complete run: longer than any holiday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The files of a run. `document`, the summary or else the full result, decides. `full` is set only next to a summary."""

    document: Document
    full: Document | None = None
    requests: DataRequests | None = None
    lists: RequestLists | None = None
    refusal: str | None = None
    order_events_digest: str = ABSENT
    rates: RiskFreeRates | None = None
    logs: LogFacts = field(default_factory=LogFacts)
    warnings: tuple[str, ...] = ()

    @property
    def documents(self) -> tuple[Document, ...]:
        """Return the document that decides the ending, and the full result if that is another one."""
        return (self.document,) if self.full is None else (self.document, self.full)

    @property
    def whole(self) -> Document | None:
        """Return the full result if it is final: only there are trades, orders and the points of every day."""
        return next((each for each in reversed(self.documents) if each.is_full and each.is_final), None)

    @property
    def orders(self) -> OrderCounts | None:
        """Return the order counts of the final full result."""
        return self.whole.orders if self.whole else None

    @property
    def analysis(self) -> tuple[Finding, ...]:
        """Return LEAN's findings in the final full result."""
        return self.whole.analysis if self.whole else ()

    @property
    def standstills(self) -> tuple[Standstill, ...]:
        """Find the standstills in the final full result. A summary cannot show them: values may move between its samples."""
        return find_standstills(self.whole.equity, self.whole.benchmark) if self.whole else ()

    @property
    def equity(self) -> Points:
        """Return the equity of the full result if it is final; a summary has only about 100 points."""
        return (self.full.equity if self.full and self.full.is_final else ()) or self.document.equity

    @property
    def gap(self) -> str | None:
        """Describe an equity curve that ends well before the run's own end date; None if it does not, or is unknown."""
        ran = self.document.configuration
        if ran is None or ran.end_date is None or not self.equity:
            return None
        last = datetime.fromtimestamp(self.equity[-1][0], UTC).date()
        if ran.end_date - last <= MAX_GAP:
            return None
        return f"the equity curve ends on {last}, but the run ends on {ran.end_date}"


def gather(folder: Path) -> Evidence:
    """Read result, monitor report and logs. Raise FileProblem without a readable result."""
    files = find_files(folder)
    documents, warnings = _read_documents(folder, files)
    requests = None
    if files.monitor_report is not None:
        try:
            requests = read_monitor_report(folder, files.monitor_report)
        except FileProblem as problem:
            warnings.append(f"file skipped: {problem}")
    return Evidence(
        document=documents[0],
        full=documents[1] if len(documents) > 1 else None,
        requests=requests,
        rates=_read_rates(folder),
        lists=read_lists(folder, files.succeeded_requests, files.failed_requests),
        refusal=refusal(folder, files.order_events)
        if any(each.orders and each.orders.invalid for each in documents)
        else None,
        order_events_digest=digest_order_events(folder, files.order_events),
        logs=read_logs(folder, files.stem),
        warnings=tuple(warnings),
    )


def _read_rates(folder: Path) -> RiskFreeRates | None:
    """Read the daily rates of LEAN's data folder from the shim's copy; None without one."""
    try:
        return parse_rates(read_bytes(folder, wire.SHIM_KEPT_FILE, MEBIBYTE).decode("utf-8-sig", "replace"))
    except FileProblem:
        return None


def _read_documents(folder: Path, files: ResultFiles) -> tuple[list[Document], list[str]]:
    """Read the summary, then the full result. LEAN hides write errors, so either may be broken or outdated."""
    found: list[Document] = []
    problems: list[FileProblem] = []
    for name in (files.summary, files.full):
        if name is not None:
            try:
                found.append(read_document(folder, name))
            except FileProblem as problem:
                # Without its frames, which would keep this file's content in memory next to the next file's.
                problems.append(problem.with_traceback(None))
    if not found:
        raise problems[0]
    warnings = [f"file skipped: {problem}" for problem in problems]
    if files.full is None:
        warnings.append("the full result is missing: the equity curve comes from the summary")
    elif len(found) > 1 and not found[1].is_final:
        warnings.append(f"{files.full} is an intermediate version: the equity curve comes from the summary")
    return found, warnings

"""Warnings and provenance of a succeeded run: how it differs from the request, and what computed it."""

from collections.abc import Iterator

from backfleet.core.backtests import PROVENANCE_FINGERPRINT, BacktestRequest
from backfleet.engines.files import clean_text
from backfleet.engines.lean.configuration import parameter_texts_of
from backfleet.engines.lean.document import Document
from backfleet.engines.lean.evidence import Evidence
from backfleet.engines.lean.fingerprint import fingerprint_of
from backfleet.engines.lean.incidents import incidents
from backfleet.engines.lean.metrics import LeanMetrics

MAX_WARNINGS = 100
MAX_WARNING = 500
MAX_STANDSTILLS = 5


def warnings_of(seen: Evidence, measured: LeanMetrics, request: BacktestRequest) -> tuple[str, ...]:
    """Return at most 100 warnings, the most important first, cleaned for display."""
    found = [clean_text(text, MAX_WARNING) for text in _warnings(seen, measured, request)]
    return (
        (*found[: MAX_WARNINGS - 1], f"and {len(found) - MAX_WARNINGS + 1} more")
        if len(found) > MAX_WARNINGS
        else (*found,)
    )


def provenance_of(seen: Evidence, request: BacktestRequest) -> dict[str, str]:
    """Return the known facts about the run: the engine's version, the account's currency, the dates that it covered, and its
    fingerprint.
    """
    ran = seen.document.configuration
    known = {
        "engine": request.engine,
        "engineVersion": seen.logs.engine_version,
        "strategy": request.strategy,
        "accountCurrency": ran.account_currency if ran else None,
        "startDate": str(ran.start_date) if ran and ran.start_date else None,
        "riskFreeRate": "file" if seen.rates else None,
        "endDate": str(ran.end_date) if ran and ran.end_date else None,
        PROVENANCE_FINGERPRINT: fingerprint_of(seen),
    }
    return {key: value for key, value in known.items() if value is not None}


def _warnings(seen: Evidence, measured: LeanMetrics, request: BacktestRequest) -> Iterator[str]:
    yield from _differences(seen.document, request)
    if measured.metrics["total_orders"] == 0:
        yield "zero orders"
    yield from _missing_data(seen, request)
    if seen.logs.is_ruined:
        yield "equity fell to zero or below: LEAN ended the run there"
    elif seen.gap is not None:
        yield f"{seen.gap}. Check whether the data ends there."
    yield from map(str, seen.standstills[:MAX_STANDSTILLS])
    yield from incidents(seen)
    yield from measured.warnings
    yield from (
        f"statistics {key[:100]!r} was changed, because it cannot be stored as it is" for key in seen.document.altered
    )
    yield from seen.warnings


def _missing_data(seen: Evidence, request: BacktestRequest) -> Iterator[str]:
    """Yield the symbols of the batch that had no data, then the number of failed requests."""
    paths = {symbol: seen.lists.missed_path(symbol) for symbol in request.symbols} if seen.lists else {}
    for symbol, path in paths.items():
        if path is not None:
            yield f"no data for {symbol}: LEAN did not find {path}"
    if seen.requests is not None and seen.requests.failed:
        yield f"{seen.requests.failed} of {seen.requests.total} data requests failed"


def _differences(document: Document, request: BacktestRequest) -> Iterator[str]:
    """Compare what LEAN echoes with the request. Algorithms may ignore the dates; LEAN echoes parameters even if unread."""
    ran = document.configuration
    if ran is None:
        return
    sent = parameter_texts_of(request)
    for name, asked in sent.items():
        echoed = ran.parameter_texts.get(name)
        if echoed is None:
            yield f"parameter {name}: expected {asked[:100]!r}, LEAN did not receive it"
        elif echoed != asked:
            yield f"parameter {name}: expected {asked[:100]!r}, LEAN ran with {echoed[:100]!r}"
    for name in sorted(set(ran.parameter_texts) - set(sent)):
        yield f"parameter {name[:100]}: not requested, LEAN ran with {ran.parameter_texts[name][:100]!r}"
    days = (("start", request.start_date, ran.start_date), ("end", request.end_date, ran.end_date))
    for what, asked_day, day in days:
        if day is not None and day != asked_day:
            yield f"{what} date: expected {asked_day}, LEAN ran with {day}. Read the parameter {what}_date in the algorithm."

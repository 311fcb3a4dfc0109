"""The content of a LEAN result file, in one shape for both layouts (PascalCase until 2024-05, camelCase since).

Only property names changed between the two; the keys of dictionaries (statistics, state, charts) are the same in both.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from backfleet.core.backtests import Finding
from backfleet.core.spec.storable import storable_text
from backfleet.engines.files import MAX_RESULT_BYTES, FileProblem, clean_text, read_json
from backfleet.engines.lean.curve import Points, chart_points
from backfleet.engines.lean.digests import digest_orders
from backfleet.engines.lean.findings import read_findings
from backfleet.engines.lean.trading import ClosedTrade, OrderCounts, count_orders, read_trades

MAX_BYTES = 2 * MAX_RESULT_BYTES
"""The limit of one result file: parsed, even the worst one fits the recorder's 256 MiB."""
MAX_ENTRIES = 2000
"""The limit of one object. LEAN's objects have a few dozen entries; copies of much larger ones would not fit in memory."""
MAX_TEXT = 20_000
MAX_STATISTIC_TEXT = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The algorithm's configuration; None for what the file does not contain."""

    account_currency: str | None = None
    parameter_texts: Mapping[str, str] = field(default_factory=dict)
    start_date: date | None = None
    end_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One result file. `statistics` are LEAN's texts; `portfolio` and `trades` map camelCase field names to texts.

    `state` is None in layouts before 2023-01, `configuration` before 2022-08. `altered` names the statistics whose text had to
    be changed (NUL, a lone surrogate, or over 4,000 characters). `returns` are LEAN's daily returns, in percent. `orders` and
    `closed_trades` are None if the document lacks them, as a summary does.
    """

    name: str
    is_camel_case: bool
    statistics: Mapping[str, str]
    runtime_statistics: Mapping[str, str] = field(default_factory=dict)
    portfolio: Mapping[str, str] = field(default_factory=dict)
    trades: Mapping[str, str] = field(default_factory=dict)
    state: Mapping[str, str] | None = None
    configuration: Configuration | None = None
    equity: Points = ()
    returns: Points = ()
    benchmark: Points = ()
    orders: OrderCounts | None = None
    orders_digest: str | None = None
    closed_trades: tuple[ClosedTrade, ...] | None = None
    analysis: tuple[Finding, ...] = ()
    altered: tuple[str, ...] = ()

    @property
    def is_full(self) -> bool:
        """Report whether this is a full result, which has orders; a summary has none."""
        return self.orders is not None

    @property
    def is_final(self) -> bool:
        """Report whether this is the final version. Those that LEAN writes every 30 s lack an end time or statistics."""
        return bool(self.statistics) and (self.state is None or bool(self.state.get("EndTime", "").strip()))


def read_document(folder: Path, name: str, limit: int = MAX_BYTES) -> Document:
    """Read the document in a file. Raise FileProblem if it is missing, not valid JSON, or of another shape."""
    return parse_document(name, read_json(folder, name, limit))


def parse_document(name: str, body: object) -> Document:
    """Convert a result's JSON value. Skip unknown keys; raise FileProblem for a known key of the wrong type."""
    if not isinstance(body, dict) or len(body) > MAX_ENTRIES:
        raise FileProblem(name, f"expected a JSON object of at most {MAX_ENTRIES} entries, got {_described(body)}")
    top = _camel_keys(body)
    performance = _camel_keys(_object(name, top, "totalPerformance"))
    raw = _object(name, top, "statistics")
    charts = _object(name, top, "charts")
    statistics = {_kept(key): _kept(_text(name, "statistics", value)) for key, value in raw.items()}
    return Document(
        name=name,
        is_camel_case="Statistics" not in body,
        statistics=statistics,
        runtime_statistics=_texts(name, top, "runtimeStatistics"),
        portfolio=_figures(name, performance, "portfolioStatistics"),
        trades=_figures(name, performance, "tradeStatistics"),
        state=_texts(name, top, "state") if top.get("state") is not None else None,
        configuration=_configuration(name, top),
        equity=chart_points(charts, "Strategy Equity", "Equity"),
        returns=chart_points(charts, "Strategy Equity", "Return", "Daily Performance"),
        benchmark=chart_points(charts, "Benchmark", "Benchmark"),
        orders=count_orders(top.get("orders")),
        orders_digest=digest_orders(top.get("orders")),
        closed_trades=read_trades(performance.get("closedTrades")),
        analysis=read_findings(top.get("analysis")),
        altered=tuple(_kept(key) for key, value in raw.items() if _is_altered(key) or _is_altered(value)),
    )


def _configuration(name: str, top: Mapping[str, Any]) -> Configuration | None:
    if top.get("algorithmConfiguration") is None:
        return None
    body = _camel_keys(_object(name, top, "algorithmConfiguration"))
    currency = body.get("accountCurrency")
    return Configuration(
        account_currency=clean_text(currency, 20) if isinstance(currency, str) and currency.strip() else None,
        parameter_texts=_texts(name, body, "parameters"),
        start_date=_date(body.get("startDate")),
        end_date=_date(body.get("endDate")),
    )


def _object(name: str, body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under a key; empty if it is absent or null."""
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_ENTRIES:
        raise FileProblem(name, f"{key}: expected an object of at most {MAX_ENTRIES} entries, got {_described(value)}")
    return value


def _described(value: object) -> str:
    if value is None:
        return "null"
    return f"{len(value)} entries" if isinstance(value, dict) else f"a {type(value).__name__}"


def _texts(name: str, body: Mapping[str, Any], key: str) -> Mapping[str, str]:
    return {entry[:MAX_TEXT]: _text(name, key, value)[:MAX_TEXT] for entry, value in _object(name, body, key).items()}


def _figures(name: str, body: Mapping[str, Any], key: str) -> Mapping[str, str]:
    """Return the numbers and texts of an object. Skip null, lists and objects."""
    fields = _camel_keys(_object(name, body, key)).items()
    return {
        entry: _text(name, key, value)[:MAX_TEXT]
        for entry, value in fields
        if not isinstance(value, dict | list | None)
    }


def _text(name: str, key: str, value: object) -> str:
    """Return a text unchanged, and another plain value as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise FileProblem(name, f"{key}: expected strings and numbers, got a {type(value).__name__}")
    return "" if value is None else json.dumps(value)


def _kept(text: str) -> str:
    return storable_text(text[:MAX_STATISTIC_TEXT])


def _is_altered(value: object) -> bool:
    return isinstance(value, str) and _kept(value) != value


def _camel_keys(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key[:1].lower() + key[1:]: value for key, value in body.items()}


def _date(value: object) -> date | None:
    """Parse the day of an ISO time; None for .NET's zero time, 0001-01-01."""
    try:
        day = date.fromisoformat(value[:10]) if isinstance(value, str) else date.min
    except ValueError:
        return None
    return None if day == date.min else day

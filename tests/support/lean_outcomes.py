"""Reads a folder of LEAN's files in a test, and asserts the kind of its outcome."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from backfleet.core.backtests import BacktestRequest, Failure, Result
from backfleet.engines.lean.document import parse_document
from backfleet.engines.lean.metrics import LeanMetrics, measure
from backfleet.engines.lean.outcome import outcome_of_run
from tests.support.engines import make_request
from tests.support.lean_results import STATE, equity_values

YEAR = (date(2020, 1, 1), date(2020, 12, 31))
REQUEST = replace(make_request("Trend", {"rsi_period": "14"}, days=YEAR), engine="lean")
SHORT_CURVE = {"Strategy Equity": {"series": {"Equity": {"values": equity_values(days=100)}}}}


def result(folder: Path, request: BacktestRequest = REQUEST) -> Result:
    ending = outcome_of_run(folder, request).ending
    assert isinstance(ending, Result), ending
    return ending


def failure(folder: Path) -> Failure:
    ending = outcome_of_run(folder, REQUEST).ending
    assert isinstance(ending, Failure), ending
    assert 0 < len(ending.message) <= 2000
    return ending


def state(**changes: str) -> dict[str, str]:
    return {**STATE, **changes}


RUNTIME_ERROR = state(
    Status="RuntimeError", RuntimeError="Runtime Error: boom\n  at main.py", StackTrace="boom\n  at main.py"
)


def measured(body: dict[str, Any]) -> LeanMetrics:
    return measure(parse_document("x.json", body))

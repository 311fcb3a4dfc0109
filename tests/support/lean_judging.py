"""Judging a folder of LEAN's files in a test: the request it answers, and the outcome as what it must be."""

from dataclasses import replace
from datetime import date
from pathlib import Path

from backfleet.core.backtests import BacktestRequest, Failure, Result
from backfleet.engines.lean.verdict import judge_folder
from tests.support.engines import make_request
from tests.support.lean_results import STATE, equity_values

YEAR = (date(2020, 1, 1), date(2020, 12, 31))
REQUEST = replace(make_request("Trend", {"rsi_period": "14"}, days=YEAR), engine="lean")
SHORT_CURVE = {"Strategy Equity": {"series": {"Equity": {"values": equity_values(days=100)}}}}


def result(folder: Path, request: BacktestRequest = REQUEST) -> Result:
    ending = judge_folder(folder, request).ending
    assert isinstance(ending, Result), ending
    return ending


def failure(folder: Path) -> Failure:
    ending = judge_folder(folder, REQUEST).ending
    assert isinstance(ending, Failure), ending
    assert 0 < len(ending.message) <= 2000
    return ending


def state(**changes: str) -> dict[str, str]:
    return {**STATE, **changes}


RUNTIME_ERROR = state(
    Status="RuntimeError", RuntimeError="Runtime Error: boom\n  at main.py", StackTrace="boom\n  at main.py"
)

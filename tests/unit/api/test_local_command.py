"""The command that runs a backtest elsewhere: for `bars` its own parser reads what was meant."""

import shlex
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.backtests import Prices
from backfleet.engines.bars.options import parse_options
from backfleet_api.reading.local_command import local_command

SPEC: dict[str, Any] = {
    "strategy": {"name": "RSI_MeanReversion_ETF", "leanProjectPath": "STR-001 RSI"},
    "engine": {"name": "lean", "image": "registry.example/lean:1"},
    "data": {
        "symbols": ["AAPL", "MSFT"],
        "startDate": "2000-03-01",
        "endDate": "2013-03-01",
        "initialCash": 500,
        "prices": "raw",
    },
}
TEXTS = {"rsi_period": "14", "side": "up; rm -rf $HOME", "level": "-0.5"}


def test_the_program_of_bars_reads_the_same_request() -> None:
    command = local_command(SPEC, "bars", TEXTS)
    assert command is not None
    program, *arguments = shlex.split(command)
    request, folder = parse_options(arguments, Path("elsewhere"))
    assert (program, folder) == ("backfleet-bars", Path("result"))
    assert (request.strategy, request.symbols, request.parameter_texts) == (
        "RSI_MeanReversion_ETF",
        ("AAPL", "MSFT"),
        TEXTS,
    )
    assert (request.start_date, request.end_date) == (date(2000, 3, 1), date(2013, 3, 1))
    assert (request.initial_cash, request.prices) == (Decimal(500), Prices.RAW)


@pytest.mark.parametrize("spec", [{"strategy": {"name": "X"}}, SPEC], ids=["the least", "in full"])
def test_no_text_leaves_its_word(spec: dict[str, Any]) -> None:
    command = local_command(spec, "lean", TEXTS)
    assert command is not None
    words = shlex.split(command)
    assert words[:2] == ["lean", "backtest"]
    assert words[-9:] == [
        "--parameter",
        "rsi_period",
        "14",
        "--parameter",
        "side",
        TEXTS["side"],
        "--parameter",
        "level",
        "-0.5",
    ]


def test_an_engine_without_a_program_has_no_command() -> None:
    assert local_command(SPEC, "noop", TEXTS) is None

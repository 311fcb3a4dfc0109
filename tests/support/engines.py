"""Bars, requests and results folders with defaults, so that a test states only what matters."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.program import RESULT_FILE

FIRST_DAY = date(2000, 3, 1)
LAST_DAY = date(2013, 3, 1)


def make_request(
    strategy: str = "RSI_MeanReversion_ETF",
    parameter_texts: Mapping[str, str] | None = None,
    symbols: tuple[str, ...] = ("AAPL",),
    cash: str = "1000",
    days: tuple[date, date] | None = None,
) -> BacktestRequest:
    start, end = days or (FIRST_DAY, LAST_DAY)
    return BacktestRequest(
        engine="noop" if strategy == "Noop" else "bars",
        strategy=strategy,
        parameter_texts=parameter_texts or {},
        symbols=symbols,
        start_date=start,
        end_date=end,
        initial_cash=Decimal(cash),
    )


def texts_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return values as engines read them."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in parameters.items()}


def make_bars(
    closes: Sequence[float], opens: Sequence[float] | None = None, volumes: Sequence[float] | None = None
) -> Bars:
    """Make bars of consecutive days from 2000-03-01. Without `opens`, every bar opens at the close before it."""
    opened = list(opens) if opens is not None else [closes[0], *closes[:-1]] if closes else []
    return Bars(
        symbol="TEST",
        days=[f"{FIRST_DAY + timedelta(days=number):%Y%m%d}" for number in range(len(closes))],
        opens=opened,
        highs=[max(pair) for pair in zip(opened, closes, strict=True)],
        lows=[min(pair) for pair in zip(opened, closes, strict=True)],
        closes=list(closes),
        volumes=list(volumes) if volumes is not None else [1000.0] * len(closes),
    )


def write_data(folder: Path, symbol: str, csv_text: str, factors: str | None = None, kind: str = "equity") -> Path:
    """Write a data folder in LEAN's layout with one more symbol."""
    daily = folder / kind / "usa/daily"
    daily.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(daily / f"{symbol}.zip", "w") as archive:
        archive.writestr(f"{symbol}.csv", csv_text)
    if factors is not None:
        (folder / kind / "usa/factor_files").mkdir(parents=True, exist_ok=True)
        (folder / kind / "usa/factor_files" / f"{symbol}.csv").write_text(factors)
    return folder


def write_exit(folder: Path, code: object = 0, oom: object = 0, more: str = "") -> None:
    """Write what the shim leaves; without `more`, as that of 0.2.0 did."""
    lines = f"code={code}\nstarted=1700000000\nfinished=1700000060\noom={oom}\n{more}"
    (folder / wire.SHIM_EXIT_FILE).write_text(lines)


def write_result(folder: Path, body: object) -> None:
    (folder / RESULT_FILE).write_text(json.dumps(body))

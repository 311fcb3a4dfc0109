"""What a run does: the project's strategy by `bars`, or one of the other ways in which LEAN ends."""

import mmap
import os
import re
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from backfleet import catalog
from backfleet.core.backtests import BacktestRequest
from backfleet.engines.bars.backtest import load_bars
from backfleet.engines.bars.backtest import run as run_bars
from backfleet.engines.bars.settings import BarsSettings
from backfleet.engines.program import InvalidCombination, NoData

from .arguments import Crash
from .results import Run
from .writing import Writer

SCENARIOS = (
    "success", "runtime_error", "runtime_error_exit_0", "initialize_error", "no_data", "zero_trades", "truncated_json",
    "no_file", "stopped", "out_of_memory", "hang", "crash",
)  # fmt: skip
RUN_SECONDS = 0.6
"""A run takes at least so long, so that every one leaves a version from half-way."""
OWN_PARAMETERS = ("scenario", "symbols", "start_date", "end_date", "initial_cash")
OTHER_PROJECTS = {"verify": "RSI_MeanReversion_ETF"}
SAMPLE = "QuantConnect.Algorithm.CSharp.dll"
SAMPLE_PARAMETERS = {"symbols": "AAPL", "start_date": "2000-03-01", "end_date": "2001-03-01", "initial_cash": "100000"}
"""LEAN's sample reads none."""
MEBIBYTE = 1024 * 1024
RUNTIME_ERROR = """\
Runtime Error: 'Bar' object has no attribute "close" (asked for by the scenario)
  at on_data
    price = {"close": data["SPY"].close}
            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
 in main.py: line 117
"""


def run(configuration: Mapping[str, Any]) -> int:
    """One run; the exit code is LEAN's, 0 only when the algorithm completed."""
    location = Path(configuration["algorithm-location"])
    if not location.is_file():
        raise Crash(f"System.IO.FileNotFoundException: Could not find file '{location}'")
    writer = Writer(configuration)
    now = Run(configuration=configuration, started_at=datetime.now(UTC))
    writer.log("Engine.Main(): LEAN ALGORITHMIC TRADING ENGINE v2.5.0.0 Mode: RELEASE (64bit) Host: stand-in")
    writer.log(f"JobQueue.NextJob(): Selected {location}")
    scenario = configuration["parameters"].get("scenario", "success")
    try:
        request = request_of(configuration, location, scenario)
        compute(now, request, scenario)
    except InvalidCombination as error:
        return fail_to_initialize(now, writer, str(error))
    except NoData as error:
        writer.log(f"DataMonitor: {error}", "ERROR")
        scenario = "no_data"
    writer.begin(now)
    misbehave(scenario)
    time.sleep(RUN_SECONDS)
    writer.end()
    return end(now, writer, scenario)


def request_of(configuration: Mapping[str, Any], location: Path, scenario: str) -> BacktestRequest:
    """What the algorithm reads from its parameters, as it would in Initialize; InvalidCombination for what it cannot use."""
    parameters = dict(configuration["parameters"])
    if scenario not in SCENARIOS or scenario == "initialize_error":
        raise InvalidCombination(f"invalid literal for int() with base 10: {scenario!r} (asked for by the scenario)")
    known = {each.lean_project_path: each.name for each in catalog.load().strategies} | OTHER_PROJECTS
    project = next((name for path, name in known.items() if path and path in location.parts), None)
    if location.name == SAMPLE:
        project, parameters = "RSI_MeanReversion_ETF", SAMPLE_PARAMETERS
    if project is None:
        raise InvalidCombination(f"No module named {location.stem!r}")
    try:
        return BacktestRequest(
            engine="bars",
            strategy=project,
            parameters={name: value for name, value in parameters.items() if name not in OWN_PARAMETERS},
            symbols=tuple(parameters["symbols"].split(",")),
            start_date=date.fromisoformat(parameters["start_date"]),
            end_date=date.fromisoformat(parameters["end_date"]),
            initial_cash=Decimal(parameters["initial_cash"]),
        )
    except (KeyError, ValueError, ArithmeticError) as error:
        raise InvalidCombination(f"{type(error).__name__}: {error}") from error


def compute(now: Run, request: BacktestRequest, scenario: str) -> None:
    """Run the strategy, over the first half of the dates where the scenario stops there."""
    now.days = (f"{request.start_date}T00:00:00Z", f"{request.end_date}T23:59:59Z")
    cash = float(request.initial_cash)
    if scenario == "no_data":
        raise NoData("nothing for these symbols and dates")
    ends = request.end_date
    if scenario in ("stopped", "runtime_error", "runtime_error_exit_0"):
        ends = request.start_date + (request.end_date - request.start_date) / 2
    part = replace(request, end_date=ends)
    settings = BarsSettings(data_folder=Path(now.configuration["data-folder"]))
    now.measure(run_bars(part, load_bars(part, settings), settings))
    if scenario == "zero_trades":
        now.metrics = {"start_equity": cash, "end_equity": cash}
        now.equity = [[point[0], *[cash] * 4] for point in now.equity]


def misbehave(scenario: str) -> None:
    """What never comes back from."""
    if scenario == "out_of_memory":
        ballast = []
        while True:
            # Filled by the kernel at once: page by page it takes seconds.
            ballast.append(
                mmap.mmap(-1, 256 * MEBIBYTE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
            )
    while scenario == "hang":
        time.sleep(3600)
    if scenario == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)


def end(now: Run, writer: Writer, scenario: str) -> int:
    """The final files, by the scenario, and the exit code."""
    failed, succeeded = (3, 0) if scenario == "no_data" else (0, 3)
    is_error = scenario.startswith("runtime_error")
    if is_error:
        now.error, now.status = RUNTIME_ERROR, "RuntimeError"
        writer.log(re.sub(r"\s+", " ", RUNTIME_ERROR), "ERROR")
    if scenario == "stopped":
        writer.log("AlgorithmManager.Run(): Algorithm state changed to Stopped at 1/3/2005 4:00:00 PM")
    if scenario == "no_file":
        (writer.folder / f"{writer.id}.json").unlink(missing_ok=True)
        writer.log("BaseResultsHandler.SaveResults(): No space left on device", "ERROR")
    else:
        writer.write(now, share=0.5 if scenario == "truncated_json" else 1.0)
    writer.close(now, failed, succeeded)
    return 1 if scenario == "runtime_error" else 0


def fail_to_initialize(now: Run, writer: Writer, problem: str) -> int:
    """No statistics, and none of the parameters: the engine never got the algorithm."""
    message = f"During the algorithm initialization, the following exception has occurred: {problem}"
    now.error = f"Algorithm.Initialize() Error: {message} Stack Trace: {message}\n  at initialize\n in main.py: line 12"
    now.status, now.is_started = "RuntimeError", False
    now.days = ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z")
    writer.log(now.error, "ERROR")
    writer.write(now)
    writer.close(now, 0, 1)
    return 1

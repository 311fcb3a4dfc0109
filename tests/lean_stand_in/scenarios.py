"""What a run does: the project's strategy by `bars`, or one of the other ways in which LEAN ends."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from .misbehaving import misbehave, traces_of_others
from .results import Run, daily_benchmark
from .writing import Writer

SCENARIOS = (
    "success", "runtime_error", "runtime_error_exit_0", "initialize_error", "no_data", "zero_trades", "truncated_json",
    "no_file", "stopped", "quit", "quit_in_initialize", "data_ends_early", "order_refused", "reports_errors", "logs_much",
    "bankrupt", "out_of_memory", "hang", "loop", "crash", "exit", "leaves_thread", "grows", "leaks", "sees_others",
)  # fmt: skip
START_SECONDS = float(os.environ.get("LEAN_STAND_IN_START_SECONDS") or 0)
"""What the start of a process costs."""
RUN_SECONDS = float(os.environ.get("LEAN_STAND_IN_WORK_SECONDS") or 0.6)
"""A run takes at least so long. By default that is enough for every one to leave an intermediate version."""
SHUTDOWN_SECONDS = 10.0
"""For so long LEAN waits for Python to shut down, for nothing."""
OWN_PARAMETERS = ("scenario", "shutdown", "symbols", "start_date", "end_date", "initial_cash")
STOPPED_HALF_WAY = ("stopped", "quit", "runtime_error", "runtime_error_exit_0")
ALWAYS_ASKED = (
    "/equity/usa/hour/spy.zip",
    "/alternative/interest-rate/usa/interest-rate.csv",
    "/equity/usa/daily/spy.zip",
)
"""The benchmark and the interest rate."""
OTHER_PROJECTS = {"verify": "RSI_MeanReversion_ETF"}
SAMPLE = "QuantConnect.Algorithm.CSharp.dll"
SAMPLE_PARAMETERS = {"symbols": "AAPL", "start_date": "2000-03-01", "end_date": "2001-03-01", "initial_cash": "100000"}
"""LEAN's sample reads none."""
RUNTIME_ERROR = """\
Runtime Error: 'Bar' object has no attribute "close" (asked for by the scenario)
  at on_data
    price = {"close": data["SPY"].close}
            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
 in main.py: line 117
"""


def run(configuration: Mapping[str, Any]) -> int:
    """Run once. Return LEAN's exit code, which is 0 only if the algorithm completed."""
    time.sleep(START_SECONDS)
    now, writer = begin(configuration)
    code = run_algorithm(now, writer, select(now, writer))
    shut_down(writer, configuration["parameters"].get("shutdown", ""))
    return code


def begin(configuration: Mapping[str, Any]) -> tuple[Run, Writer]:
    """Write the first lines of the engine's log."""
    writer = Writer(configuration)
    now = Run(configuration=configuration, started_at=datetime.now(UTC))
    writer.log("Engine.Main(): LEAN ALGORITHMIC TRADING ENGINE v2.5.0.0 Mode: RELEASE (64bit) Host: stand-in")
    writer.log(f"Engine.Main(): Started {now.started_at:%H:%M}")
    return now, writer


def select(now: Run, writer: Writer) -> Path:
    """Return the algorithm's file. Raise Crash without one."""
    location = Path(now.configuration["algorithm-location"])
    if not location.is_file():
        raise Crash(
            f"System.IO.FileNotFoundException: JobQueue.TryCreatePythonAlgorithm(): Unable to find py file: {location}"
        )
    writer.log(f"JobQueue.NextJob(): Selected {location}")
    return location


def run_algorithm(now: Run, writer: Writer, location: Path) -> int:
    """Run from loading the algorithm to the last file."""
    scenario = now.configuration["parameters"].get("scenario", "success")
    folder = Path(now.configuration["data-folder"])
    read = SAMPLE_PARAMETERS if location.name == SAMPLE else now.configuration["parameters"]
    symbols = read.get("symbols", "AAPL").split(",")
    paths = {f"/equity/usa/daily/{symbol.lower()}.zip" for symbol in symbols}
    asked = Asked(found=sorted(path for path in paths if (folder / path[1:]).is_file()))
    asked.failed = sorted(paths - set(asked.found))
    try:
        request = request_of(now.configuration, location, scenario)
        compute(now, asked.keep_found(request), scenario)
    except InvalidCombination as error:
        return fail_to_initialize(now, writer, str(error))
    except NoData:
        # Dates before the first bar: LEAN asks for nothing, and its equity has the point of the start alone.
        without_data(now, asked)
        if asked.found:
            asked = Asked(is_idle=True)
        scenario = "no_data"
    now.metrics["total_fees"] = now.metrics.get("total_fees", 0) + traces_of_others(scenario, location)
    writer.begin(now)
    misbehave(scenario)
    time.sleep(RUN_SECONDS)
    writer.end()
    return end(now, writer, scenario, asked)


@dataclass
class Asked:
    """The paths of the symbols' data that were found, and those that were not; idle when LEAN asked for nothing."""

    found: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    is_idle: bool = False

    def keep_found(self, request: BacktestRequest) -> BacktestRequest:
        """Return the request for the symbols that have data. Raise NoData if none has."""
        names = {path.rpartition("/")[2].removesuffix(".zip") for path in self.found}
        symbols = tuple(symbol for symbol in request.symbols if symbol.lower() in names)
        if not symbols:
            raise NoData("none of the symbols has data")
        return replace(request, symbols=symbols)


def without_data(now: Run, asked: Asked) -> None:
    """Write what LEAN measures without data: the start, and the benchmark if only the symbols have no data."""
    first, last = (date.fromisoformat(text[:10]) for text in now.days)
    stop = first if asked.found else last
    now.benchmark = daily_benchmark(first, stop, stop)
    cash = float(now.configuration["parameters"]["initial_cash"])
    now.metrics = {"start_equity": cash, "end_equity": cash}
    points = now.benchmark[:1] if asked.found else now.benchmark
    now.equity = [[point[0], *[cash] * 4] for point in points]


def shut_down(writer: Writer, how: str) -> None:
    """Shut down: an optimized build aborts, another one waits in vain and logs it. A C# run does neither."""
    if how == "abort":
        os.abort()
    if how == "wait":
        time.sleep(SHUTDOWN_SECONDS)
        problem = "Execution Security Error: Operation timed out - 0.16666666666666666 minutes max."
        writer.log(f"Security.ExecuteWithTimeLimit(): {problem}", "ERROR")
        writer.log(f"Program.Exit(): Failed to shutdown python System.TimeoutException: {problem}", "ERROR")
    writer.log("Program.Main(): Exiting Lean...")


def request_of(configuration: Mapping[str, Any], location: Path, scenario: str) -> BacktestRequest:
    """Read the algorithm's parameters, as Initialize does. Raise InvalidCombination for one that it cannot use."""
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
            parameter_texts={name: value for name, value in parameters.items() if name not in OWN_PARAMETERS},
            symbols=tuple(parameters["symbols"].split(",")),
            start_date=date.fromisoformat(parameters["start_date"]),
            end_date=date.fromisoformat(parameters["end_date"]),
            initial_cash=Decimal(parameters["initial_cash"]),
        )
    except (KeyError, ValueError, ArithmeticError) as error:
        raise InvalidCombination(f"{type(error).__name__}: {error}") from error


def compute(now: Run, request: BacktestRequest, scenario: str) -> None:
    """Run the strategy, over the first half of the dates where the scenario stops there."""
    first, last = request.start_date, request.end_date
    now.days = (f"{first}T00:00:00Z", f"{last}T23:59:59Z")
    cash = float(request.initial_cash)
    if scenario == "no_data":
        raise NoData("nothing for these symbols and dates")
    half = first + (last - first) / 2
    ends = half if scenario in STOPPED_HALF_WAY else last
    part = replace(request, end_date=ends)
    if scenario == "data_ends_early":
        part = replace(request, start_date=date(2003, 1, 2), end_date=date(2004, 12, 31))
    settings = BarsSettings(data_folder=Path(now.configuration["data-folder"]))
    now.measure(run_bars(part, load_bars(part, settings), settings))
    now.benchmark = daily_benchmark(first, ends, half if scenario == "data_ends_early" else ends)
    if scenario == "data_ends_early":
        now.equity = [[stamp, *[cash + value] * 4] for stamp, value in now.benchmark]
    if scenario in ("zero_trades", "quit_in_initialize"):
        now.metrics = {"start_equity": cash, "end_equity": cash}
        now.equity = [[point[0], *[cash] * 4] for point in now.equity]
    if scenario == "bankrupt":
        now.metrics |= {"end_equity": -1.5 * cash, "net_profit": -2.5, "drawdown": 2.5, "annual_return": 0.0}


def end(now: Run, writer: Writer, scenario: str, asked: Asked) -> int:
    """Write the final files of the scenario. Return the exit code."""
    points = 1 if asked.is_idle else 0 if scenario == "quit_in_initialize" else 4025
    speak(now, writer, scenario)
    last = now.days[1][:10]
    writer.say(
        last, f"Algorithm Id:({writer.id}) completed in 0.60 seconds. Processing total of {points:,} data points."
    )
    if scenario.startswith("runtime_error"):
        now.error, now.status = RUNTIME_ERROR, "RuntimeError"
        writer.log(re.sub(r"\s+", " ", RUNTIME_ERROR), "ERROR")
    if scenario == "no_file":
        (writer.folder / f"{writer.id}.json").unlink(missing_ok=True)
        writer.log("BaseResultsHandler.SaveResults(): No space left on device", "ERROR")
    else:
        writer.write(now, share=0.5 if scenario == "truncated_json" else 1.0)
    if asked.is_idle:
        writer.close(now, [], [])
    else:
        writer.close(now, asked.failed, [*asked.found, *ALWAYS_ASKED])
    return 1 if scenario == "runtime_error" else 0


def speak(now: Run, writer: Writer, scenario: str) -> None:
    """Log what LEAN and the algorithm log during the run."""
    first, day = now.days[0][:10], now.days[0][:10] if scenario == "quit_in_initialize" else "2003-05-27"
    if scenario in ("stopped", "quit", "quit_in_initialize"):
        writer.log("AlgorithmManager.Run(): Algorithm state changed to Stopped at 05/28/2003 14:00:00", "ERROR")
        writer.log("AlgorithmManager.Run(): Stopping algorithm...")
    if scenario in ("quit", "quit_in_initialize"):
        writer.say(day, "Quit(): asked for by the scenario")
        writer.say(day, "Algorithm Stopped", "Log")
    if scenario == "order_refused":
        now.refused = "Order Error: ids: [1], Insufficient buying power to complete orders (Value:[2294918.8215])"
        writer.say(first, now.refused, "ERROR")
        name = "InsufficientBuyingPowerOrderResponseErrorAnalysis"
        now.analysis.append({"name": name, "issue": "You could not afford it.", "sample": now.refused})
    if scenario == "reports_errors":
        for number in range(200):
            writer.say(first, f"an error that the strategy reports itself, bar {number + 1}", "ERROR")
    if scenario == "logs_much":
        for number in range(30):
            writer.say(first, f"line {number} " + "x" * 40_000, "Log")
    if scenario == "bankrupt":
        writer.log(
            "AlgorithmManager.Run(): Portfolio value is less than or equal to zero, stopping algorithm.", "ERROR"
        )


def fail_to_initialize(now: Run, writer: Writer, problem: str) -> int:
    """Write a result without statistics and parameters: the engine never got the algorithm."""
    message = f"During the algorithm initialization, the following exception has occurred: {problem}"
    now.error = f"Algorithm.Initialize() Error: {message} Stack Trace: {message}\n  at initialize\n in main.py: line 12"
    now.status, now.is_started = "RuntimeError", False
    now.days = ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z")
    writer.log(now.error, "ERROR")
    writer.write(now)
    writer.close(now, [], [])
    return 1

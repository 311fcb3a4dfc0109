"""The cases and their expected outcomes: one case for every rule that a run of LEAN can show."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from backfleet.core.backtests import BacktestRequest, Ending, Failure
from backfleet.core.reasons import FailureReason

PROJECT = "verify"
SAMPLE_FOLDER = "/Lean/Launcher/bin/Debug"
SAMPLE_FILE = "QuantConnect.Algorithm.CSharp.dll"
SAMPLE_TYPE = "BasicTemplateAlgorithm"
"""LEAN's own sample in every image. It buys SPY in October 2013 and reads no parameter."""
START_SECONDS = 240
SHUTDOWN_WORDS = ("ExecuteWithTimeLimit", "Failed to shutdown python")
"""Messages of LEAN's shutdown. They say nothing about a run."""
AFTER_RESULTS = (134, 137)
"""Exit codes after an abort of LEAN's shutdown, and after the shim ends one that hangs. By then all results are written."""
WELL = (0, *AFTER_RESULTS)
FAILED = (1, *AFTER_RESULTS)
DAYS = (date(2003, 1, 2), date(2004, 12, 31))
ASKED = "asked for by the scenario"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request, the expected reason of its failure (None: it succeeds), and the expected exit codes of LEAN's process.

    A case with `members` is a warm pack: each member must end as the case says that it is.
    """

    name: str
    rule: str
    request: BacktestRequest
    reason: FailureReason | None = None
    exit_codes: tuple[int, ...]
    orders: int | None = None
    warnings: tuple[str, ...] = ()
    message: str = ""
    absent: tuple[str, ...] = SHUTDOWN_WORDS
    no_metrics: tuple[str, ...] = ()
    timeout_seconds: int = START_SECONDS
    members: tuple["Case", ...] = ()

    def problems(self, ending: Ending, exit_code: int | None) -> Iterator[str]:
        """Return every difference between the outcome and the expected one."""
        if exit_code not in self.exit_codes:
            yield f"expected exit code {' or '.join(map(str, self.exit_codes))}, got {exit_code}"
        said = ending.message if isinstance(ending, Failure) else "\n".join(ending.warnings)
        yield from (f"expected no text {text!r} in the message" for text in self.absent if text in said)
        if isinstance(ending, Failure):
            yield from self._failure_problems(ending)
            return
        if self.reason is not None:
            yield f"expected {self.reason}, got a success"
            return
        if not ending.statistics:
            yield "expected statistics, got none"
        orders = ending.metrics["total_orders"]
        if self.orders is not None and orders != self.orders:
            yield f"expected {self.orders} orders, got {orders}"
        yield from (f"expected no {name}" for name in self.no_metrics if ending.metrics[name] is not None)
        for text in self.warnings:
            if not any(text in warning for warning in ending.warnings):
                yield f"expected a warning {text!r}, got {list(ending.warnings)}"
        if not self.warnings:
            yield from (
                f"expected no warning, got: {warning}" for warning in ending.warnings if ": expected " in warning
            )

    def _failure_problems(self, failure: Failure) -> Iterator[str]:
        if self.reason is None:
            yield f"expected a success, got {failure.reason}: {failure.message}"
        elif failure.reason is not self.reason:
            yield f"expected {self.reason}, got {failure.reason}: {failure.message}"
        elif self.message not in failure.message:
            yield f"expected {self.message!r} in the message, got: {failure.message}"


def request_of(scenario: str, *symbols: str, days: tuple[date, date] = DAYS) -> BacktestRequest:
    """Return a run of our own small project on daily bars of LEAN's sample data."""
    return BacktestRequest(
        engine="lean",
        strategy=f"verify {scenario}",
        lean_project_path=PROJECT,
        parameter_texts={"scenario": scenario, "rsi_period": "14"},
        symbols=symbols or ("AAPL",),
        start_date=days[0],
        end_date=days[1],
        initial_cash=Decimal(100_000),
    )


def cases(hang_seconds: int) -> tuple[Case, ...]:
    """Return all cases. A hanging run is ended after `hang_seconds`."""
    sample = BacktestRequest(
        engine="lean",
        strategy="LEAN's own sample",
        lean_project_path=SAMPLE_FOLDER,
        lean_algorithm_file=SAMPLE_FILE,
        lean_algorithm_type=SAMPLE_TYPE,
        parameter_texts={"unread": "1"},
        symbols=("SPY",),
        start_date=date(2020, 1, 2),
        end_date=date(2020, 12, 31),
        initial_cash=Decimal(100_000),
    )
    return (*_results(sample), *_remarks(), *_errors(), *_data(), *_deaths(hang_seconds, sample))


def _results(sample: BacktestRequest) -> tuple[Case, ...]:
    return (
        Case(
            name="sample", rule="LEAN's own C# sample runs; a date that it does not use is a warning",
            request=sample, exit_codes=(0,), warnings=("start date: expected", "end date: expected"),
        ),
        Case(
            name="success", rule="a Python project gets symbols, dates, cash and parameters",
            request=request_of("success"), exit_codes=WELL,
        ),
        Case(
            name="zero-trades", rule="a run without orders is a result with a warning",
            request=request_of("zero_trades"), exit_codes=WELL, orders=0, warnings=("zero orders",),
        ),
    )  # fmt: skip


def _remarks() -> tuple[Case, ...]:
    return (
        Case(
            name="order-refused", rule="an order that LEAN refuses is a warning with its reason",
            request=request_of("order_refused"), exit_codes=WELL, warnings=("orders were refused: Order Error",),
        ),
        Case(
            name="reports-errors", rule="errors that a strategy reports are one warning",
            request=request_of("reports_errors"), exit_codes=WELL, warnings=("an error that the strategy reports itself",),
        ),
        Case(
            name="logs-much", rule="a log of many MiB is read within bounds",
            request=request_of("logs_much"), exit_codes=WELL,
        ),
        Case(
            name="bankrupt", rule="a run that lost everything is a result without an annual return",
            request=request_of("bankrupt"), exit_codes=WELL, warnings=("equity fell to zero or below",),
            no_metrics=("annual_return",),
        ),
    )  # fmt: skip


def _errors() -> tuple[Case, ...]:
    stopped = FailureReason.STOPPED_BY_STRATEGY
    return (
        Case(
            name="runtime-error", rule="an exception while running",
            request=request_of("runtime_error"), reason=FailureReason.RUNTIME_ERROR, exit_codes=FAILED, message=ASKED,
        ),
        Case(
            name="initialize-error", rule="an exception in initialize",
            request=request_of("initialize_error"), reason=FailureReason.INITIALIZE_ERROR, exit_codes=FAILED, message=ASKED,
        ),
        Case(
            name="quit", rule="quit() in the middle of a run, which LEAN reports as Completed",
            request=request_of("quit"), reason=stopped, exit_codes=WELL, message=ASKED,
        ),
        Case(
            name="quit-in-initialize", rule="quit() before any data",
            request=request_of("quit_in_initialize"), reason=stopped, exit_codes=WELL, message=ASKED,
        ),
    )  # fmt: skip


def _data() -> tuple[Case, ...]:
    before, after = (date(1990, 1, 2), date(1991, 12, 31)), (date(2020, 1, 2), date(2023, 12, 29))
    return (
        Case(
            name="no-data", rule="a symbol without data",
            request=request_of("success", "ZZZZ"), reason=FailureReason.NO_DATA, exit_codes=WELL, message="ZZZZ",
        ),
        Case(
            name="no-data-dates", rule="dates before the first bar",
            request=request_of("success", days=before), reason=FailureReason.NO_DATA, exit_codes=WELL, message="1990-01-02",
        ),
        Case(
            name="one-of-two", rule="if one of two symbols has no data, a warning names it",
            request=request_of("success", "AAPL", "ZZZZ"), exit_codes=WELL, warnings=("no data for ZZZZ",),
        ),
        Case(
            name="data-ends-early", rule="data that ends early is a warning with the date",
            request=request_of("data_ends_early", days=after), exit_codes=WELL, warnings=("nothing moved from 2021-",),
        ),
    )  # fmt: skip


def _deaths(hang_seconds: int, sample: BacktestRequest) -> tuple[Case, ...]:
    missing = BacktestRequest.from_json(sample.to_json().replace(SAMPLE_FILE, "Missing.dll"))
    return (
        Case(
            name="hang", rule="a run that exceeds its timeout",
            request=request_of("hang"), reason=FailureReason.BACKTEST_TIMEOUT, exit_codes=(124,), timeout_seconds=hang_seconds,
        ),
        Case(
            name="crash", rule="a crash of the process",
            # .NET may turn one signal into the other.
            request=request_of("crash"), reason=FailureReason.ENGINE_CRASH, exit_codes=(139, 134),
        ),
        Case(
            name="out-of-memory", rule="a run that exceeds its memory limit",
            request=request_of("out_of_memory"), reason=FailureReason.OOM_KILLED, exit_codes=(137,),
        ),
        Case(
            name="no-project", rule="a project that does not exist",
            request=missing, reason=FailureReason.ENGINE_ERROR, exit_codes=(66,), message="Missing.dll",
        ),
    )  # fmt: skip

"""Folders as LEAN of today leaves them, where they are at hand: the verdict of each, after a good end and an abort alike."""

import shutil
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from backfleet.core.backtests import BacktestRequest, Failure, Result
from backfleet.core.reasons import FailureReason
from backfleet.engines.lean.outcome import outcome_of_run
from tests.integration.oracles.test_lean_files import FOLDER
from tests.support.lean_results import write_exit

TODAY = FOLDER / "today"
pytestmark = pytest.mark.skipif(not TODAY.is_dir(), reason=f"needs results of LEAN in {TODAY}")
REQUEST = BacktestRequest(
    engine="lean",
    strategy="verify",
    lean_project_path="verify",
    parameter_texts={},
    symbols=("AAPL",),
    start_date=date(2003, 1, 2),
    end_date=date(2004, 12, 31),
    initial_cash=Decimal(100_000),
)
ASKED = "asked for by the scenario"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A reason (None: a result), texts that the message or a warning has, metrics, and texts that are nowhere."""

    reason: FailureReason | None = None
    words: tuple[str, ...] = ()
    metrics: tuple[tuple[str, float | None], ...] = ()
    absent: tuple[str, ...] = ("ExecuteWithTimeLimit", "Failed to shutdown python")
    symbols: tuple[str, ...] = ("AAPL",)
    days: tuple[date, date] = (REQUEST.start_date, REQUEST.end_date)


PLAIN = Verdict(metrics=(("total_orders", 2), ("total_trades", 1), ("end_equity", 99997.9139)))
QUIT = Verdict(reason=FailureReason.STOPPED_BY_STRATEGY, words=("2003-05-27", ASKED))
VERDICTS = {
    "python-success": PLAIN,
    "shutdown-abort": PLAIN,
    "shutdown-abort-runtime-error": Verdict(reason=FailureReason.RUNTIME_ERROR, words=(ASKED,)),
    "shutdown-abort-quit": QUIT,
    "quit": QUIT,
    "quit-in-initialize": Verdict(reason=FailureReason.STOPPED_BY_STRATEGY, words=("quit in initialize", "2003-01-02")),
    "no-data-symbol": Verdict(
        reason=FailureReason.NO_DATA, words=("ZZZZ", "/equity/usa/daily/zzzz.zip", "2003-01-02"), symbols=("ZZZZ",)
    ),
    "no-data-before-the-first-bar": Verdict(
        reason=FailureReason.NO_DATA,
        words=("1990-01-02", "1991-12-31", "AAPL"),
        days=(date(1990, 1, 2), date(1991, 12, 31)),
    ),
    "one-symbol-of-two-missing": Verdict(
        metrics=(("total_orders", 13), ("net_profit", 0.84418)), words=("no data for ZZZZ",), symbols=("AAPL", "ZZZZ")
    ),
    "data-ends-early": Verdict(
        words=("nothing moved from 2021-04-01 to the end", "16 of 26 orders were cancelled"),
        days=(date(2020, 1, 2), date(2023, 12, 31)),
    ),
    "other-currency-no-order": Verdict(
        metrics=(("total_orders", 0),), words=("does not have an accurate price", "zero orders")
    ),
    "order-refused": Verdict(
        metrics=(("total_orders", 13),),
        words=("1 of 13 orders were refused: Order Error: ids: [1], Insufficient buying power",),
    ),
    "strategy-reports-errors": Verdict(
        words=("times, first on 2003-01-02: an error that the strategy reports itself, bar 1",)
    ),
    "bankrupt": Verdict(metrics=(("net_profit", -2.51285), ("annual_return", None)), words=("equity fell to zero",)),
    "no-file": Verdict(reason=FailureReason.ENGINE_ERROR, words=("verify/main.py",)),
    "shutdown-abort-initialize-error": Verdict(reason=FailureReason.INITIALIZE_ERROR, words=(ASKED,)),
}


@pytest.mark.parametrize("code", [0, 134], ids=["after a good end", "after an abort"])
@pytest.mark.parametrize("name", VERDICTS)
def test_a_folder_has_its_verdict(tmp_path: Path, name: str, code: int) -> None:
    wanted = VERDICTS[name]
    for file in (TODAY / name).iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    write_exit(tmp_path, code)
    start, end = wanted.days
    request = replace(REQUEST, symbols=wanted.symbols, start_date=start, end_date=end)
    ending = outcome_of_run(tmp_path, request).ending
    if isinstance(ending, Failure):
        assert ending.reason is wanted.reason, ending.message
        text = ending.message
    else:
        assert wanted.reason is None, ending
        assert {name: ending.metrics[name] for name, _ in wanted.metrics} == dict(wanted.metrics)
        text = "\n".join(ending.warnings)
        assert ("the engine was ended by signal 6 (SIGABRT)" in text) is (code == 134)
    assert [word for word in wanted.words if word not in text] == [], text
    assert [word for word in wanted.absent if word in text] == []


def test_every_folder_has_a_verdict() -> None:
    assert {path.name for path in TODAY.iterdir()} == set(VERDICTS)


def test_an_abort_changes_nothing_but_a_warning(tmp_path: Path) -> None:
    outcomes = []
    for code in (0, 134):
        for file in (TODAY / "shutdown-abort").iterdir():
            shutil.copyfile(file, tmp_path / file.name)
        write_exit(tmp_path, code)
        ending = outcome_of_run(tmp_path, REQUEST).ending
        assert isinstance(ending, Result)
        outcomes.append(ending)
    good, aborted = outcomes
    assert aborted == replace(good, warnings=aborted.warnings)
    assert len(aborted.warnings) == len(good.warnings) + 1

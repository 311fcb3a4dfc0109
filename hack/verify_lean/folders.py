"""Judges finished results folders of LEAN: what the recorder would record of each, after its own exit code and after an abort.

A folder is one with an exit file of the shim. A verdict is bad where it changes with an abort after the results, or shows the
shutdown of LEAN's process: both are rules that hold for every run. What came out is printed, for people to compare.
"""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest, Failure, Outcome, Recorded
from backfleet.engines.files import FileProblem, read_json
from backfleet.engines.lean.engine import LeanEngine
from backfleet.engines.lean.layout import RESULT_FILE
from backfleet.engines.lean.logs import read_logs
from hack.cluster.progress import say
from hack.verify_lean.cases import DAYS, PROJECT, SHUTDOWN_WORDS

EXIT_CODES = (0, 134)
OUTPUT_FILE = "output-tail.txt"
"""The end of a process's output, kept by hand where the shim did not keep its stderr."""


def verify_folders(root: Path) -> int:
    """Exit code 0 when the rules hold for every folder, 1 when one does not, 2 without a folder."""
    folders = [path for path in (root, *sorted(root.glob("*"))) if (path / wire.SHIM_EXIT_FILE).is_file()]
    if not folders:
        say(f"error: {root}: expected results folders with a file {wire.SHIM_EXIT_FILE}, found none")
        return 2
    bad = sum(not verify_folder(folder) for folder in folders)
    versions = sorted({read_logs(folder).engine_version or "of an unknown version" for folder in folders})
    print(f"\nLEAN {', '.join(versions)}")
    print(f"{len(folders) - bad} of {len(folders)} folders hold")
    return 1 if bad else 0


def verify_folder(folder: Path) -> bool:
    """Judge one folder after each exit code, and print the verdict."""
    own = judge_copy(folder, None)
    problems = [f"{text!r} is shown" for text in SHUTDOWN_WORDS if text in _said(own.outcome)]
    if read_logs(folder).is_posted:
        problems += _differences(own.outcome, [judge_copy(folder, code).outcome for code in EXIT_CODES])
    got = own.outcome.reason.value if isinstance(own.outcome, Failure) else "succeeded"
    print(f"{'FAIL' if problems else 'ok  '} {folder.name:<33}{got:<19}exit {own.exit_code}", flush=True)
    for line in (*problems, *_said(own.outcome).splitlines()):
        print(f"       {line[:200]}", flush=True)
    return not problems


def judge_copy(folder: Path, code: int | None) -> Recorded:
    """The verdict on a copy of a folder, after another exit code unless None."""
    with tempfile.TemporaryDirectory(prefix="verify-lean-") as name:
        copy = Path(name)
        for file in folder.iterdir():
            if file.is_file():
                shutil.copyfile(file, copy / file.name)
        if code is not None:
            (copy / wire.SHIM_EXIT_FILE).write_text(f"code={code}\nstarted=1\nfinished=2\noom=0\n")
        output, kept = copy / OUTPUT_FILE, copy / wire.SHIM_STDERR_FILE
        if output.is_file() and not kept.exists():
            output.rename(kept)
        return LeanEngine().outcome(copy, request_of(folder))


def request_of(folder: Path) -> BacktestRequest:
    """What was asked for, from the parameters that LEAN echoes; a run that never began echoes none."""
    try:
        body: Any = read_json(folder, RESULT_FILE, 2 * 8 * 1024 * 1024)
        parameters = dict((body.get("algorithmConfiguration") or {}).get("parameters") or {})
    except (FileProblem, AttributeError):
        parameters = {}
    return BacktestRequest(
        engine="lean",
        strategy="verify",
        lean_project_path=PROJECT,
        symbols=tuple(parameters.pop(wire.PARAMETER_SYMBOLS, "AAPL").split(",")),
        start_date=date.fromisoformat(parameters.pop(wire.PARAMETER_START_DATE, str(DAYS[0]))),
        end_date=date.fromisoformat(parameters.pop(wire.PARAMETER_END_DATE, str(DAYS[1]))),
        initial_cash=Decimal(parameters.pop(wire.PARAMETER_INITIAL_CASH, "100000")),
        parameters=parameters,
    )


def _differences(own: Outcome, others: list[Outcome]) -> Iterator[str]:
    for code, other in zip(EXIT_CODES, others, strict=True):
        if isinstance(own, Failure) or isinstance(other, Failure):
            reasons = [each.reason if isinstance(each, Failure) else None for each in (own, other)]
            if reasons[0] is not reasons[1]:
                yield f"after exit code {code}: {reasons[1] or 'succeeded'}, not {reasons[0] or 'succeeded'}"
        elif (own.metrics, own.statistics) != (other.metrics, other.statistics):
            yield f"after exit code {code}: other figures"


def _said(outcome: Outcome) -> str:
    return outcome.message if isinstance(outcome, Failure) else "\n".join(outcome.warnings)

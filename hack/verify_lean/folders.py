"""Checks finished results folders of LEAN: what the recorder would record, after the folder's exit code and after an abort.

A results folder is that of one backtest: it has an exit file of the shim. Two rules hold for every run: an abort after the
results does not change the outcome, and the outcome does not mention the shutdown of LEAN's process. The outcomes are
printed, so people can compare them. A third rule holds for two runs of one backtest, for example a warm and a fresh one: their
results have one fingerprint.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest, Ending, Failure, Outcome
from backfleet.engines.files import FileProblem, read_json
from backfleet.engines.lean.document import MAX_BYTES
from backfleet.engines.lean.engine import LeanEngine
from backfleet.engines.lean.layout import RESULT_FILE
from backfleet.engines.lean.logs import read_logs
from hack.cluster.progress import say
from hack.verify_lean.cases import DAYS, PROJECT, SHUTDOWN_WORDS
from hack.verify_lean.warm import Fingerprints

EXIT_CODES = (0, 134)
OUTPUT_FILE = "output-tail.txt"
"""The end of a process's output, saved by hand if the shim did not save its stderr."""


def verify_folders(root: Path) -> int:
    """Return exit code 0 if the rules hold for every folder, 1 if not, and 2 if there is no folder."""
    # Those of a pod are in folders by position, those before 0.3.0 in one.
    folders = [path.parent for path in sorted(root.rglob(wire.SHIM_EXIT_FILE)) if path.is_file()]
    if not folders:
        say(f"error: {root}: expected results folders with a file {wire.SHIM_EXIT_FILE}, found none")
        return 2
    known = Fingerprints()
    bad = sum(not verify_folder(folder, known) for folder in folders)
    versions = sorted({read_logs(folder).engine_version or "of an unknown version" for folder in folders})
    print(f"\nLEAN {', '.join(versions)}")
    print(f"{len(folders) - bad} of {len(folders)} folders hold")
    return 1 if bad else 0


def verify_folder(folder: Path, known: Fingerprints) -> bool:
    """Check one folder after each exit code and against earlier runs of its backtest, and print the verdict."""
    own = outcome_of_copy(folder, None)
    problems = [f"expected no text {text!r} in the message" for text in SHUTDOWN_WORDS if text in _said(own.ending)]
    if read_logs(folder).is_posted:
        problems += _differences(own.ending, [outcome_of_copy(folder, code).ending for code in EXIT_CODES])
    problem = known.problem(_backtest(folder), own.ending)
    problems += [problem] if problem else []
    got = own.ending.reason.value if isinstance(own.ending, Failure) else "succeeded"
    print(f"{'FAIL' if problems else 'ok  '} {folder.name:<33}{got:<19}exit {own.exit_code}", flush=True)
    for line in (*problems, *_said(own.ending).splitlines()):
        print(f"       {line[:200]}", flush=True)
    return not problems


def outcome_of_copy(folder: Path, code: int | None) -> Outcome:
    """Return the outcome of a copy of the folder, with another exit code unless it is None."""
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
    """Return the request, from the parameters in LEAN's result. A run that never began has none."""
    try:
        body: Any = read_json(folder, RESULT_FILE, MAX_BYTES)
        texts = dict((body.get("algorithmConfiguration") or {}).get("parameters") or {})
    except (FileProblem, AttributeError):
        texts = {}
    return BacktestRequest(
        engine="lean",
        strategy="verify",
        lean_project_path=PROJECT,
        symbols=tuple(texts.pop(wire.PARAMETER_SYMBOLS, "AAPL").split(",")),
        start_date=date.fromisoformat(texts.pop(wire.PARAMETER_START_DATE, str(DAYS[0]))),
        end_date=date.fromisoformat(texts.pop(wire.PARAMETER_END_DATE, str(DAYS[1]))),
        initial_cash=Decimal(texts.pop(wire.PARAMETER_INITIAL_CASH, "100000")),
        parameter_texts=texts,
    )


def _backtest(folder: Path) -> str:
    """Return what was run by which LEAN: two folders with the same text are two runs of one backtest."""
    try:
        body: Any = read_json(folder, RESULT_FILE, MAX_BYTES)
        configuration: Any = body.get("algorithmConfiguration")
    except (FileProblem, AttributeError):
        configuration = None
    return json.dumps([configuration, read_logs(folder).engine_version, request_of(folder).to_json()], sort_keys=True)


def _differences(own: Ending, others: list[Ending]) -> Iterator[str]:
    for code, other in zip(EXIT_CODES, others, strict=True):
        if isinstance(own, Failure) or isinstance(other, Failure):
            reasons = [each.reason if isinstance(each, Failure) else None for each in (own, other)]
            if reasons[0] is not reasons[1]:
                yield f"after exit code {code}: expected {reasons[0] or 'a success'}, got {reasons[1] or 'a success'}"
        elif (own.metrics, own.statistics) != (other.metrics, other.statistics):
            yield f"after exit code {code}: expected the same figures, got others"


def _said(ending: Ending) -> str:
    return ending.message if isinstance(ending, Failure) else "\n".join(ending.warnings)

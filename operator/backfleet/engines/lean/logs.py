"""What LEAN's logs tell that its result does not: a run that was stopped, how much data it saw, which engine it was."""

import re
from dataclasses import dataclass
from pathlib import Path

from backfleet.engines.files import FileProblem, clean_text, read_ends
from backfleet.engines.lean.layout import ALGORITHM_ID, ALGORITHM_LOG_FILE, LOG_FILE

MAX_READ_BYTES = 256 * 1024
"""Of each end of a log; LEAN names its version at the start, and says how it ended in its last lines."""
KEPT_LINES = 15
ALGORITHM_LOG_ENDING = ALGORITHM_LOG_FILE.removeprefix(ALGORITHM_ID)

# The lines are those of Engine/AlgorithmManager.cs, Engine/Engine.cs and Launcher/Program.cs. Algorithm.Quit() and SIGINT lead
# through the first group, and the run still calls itself Completed.
STOPPED = re.compile(
    r"AlgorithmManager\.Run\(\): (?:Algorithm state changed to (?:Stopped|Deleted|Liquidated)\b[^\r\n]*"
    r"|Algorithm quit requested\.?|Stopping algorithm\b|Deleting algorithm\b|CancellationRequestion\b[^\r\n]*)"
    r"|(?:^|:: |:: Log: |\d )Algorithm Stopped\s*$",
    re.MULTILINE,
)
RUINED = "Portfolio value is less than or equal to zero, stopping algorithm"
DATA_POINTS = re.compile(r"Processing total of ([0-9,]{1,20}) data points")
VERSION = re.compile(r"LEAN (?:ALGORITHMIC TRADING ENGINE|Engine) v([0-9A-Za-z.+-]{1,40})", re.IGNORECASE)
FIGURES = re.compile(r"STATISTICS:: |DATA USAGE:: ")
"""Lines that LEAN prints after everything else, an error included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFacts:
    """`stopped` is the line that says so; `last_lines` are the engine's, without its figures."""

    is_there: bool = False
    stopped: str | None = None
    is_ruined: bool = False
    data_points: int | None = None
    engine_version: str | None = None
    last_lines: tuple[str, ...] = ()


def read_logs(folder: Path, stem: str = ALGORITHM_ID) -> LogFacts:
    """The facts of the engine's log and of the algorithm's; a log that is missing or hostile says nothing."""
    head, tail = _ends(folder, LOG_FILE)
    other_head, other_tail = _ends(folder, stem + ALGORITHM_LOG_ENDING)
    ends = f"{tail}\n{other_tail}"
    stopped = STOPPED.search(ends)
    points = DATA_POINTS.findall(ends)
    version = VERSION.search(f"{head}\n{other_head}")
    lines = [line.rstrip() for line in tail.split("\n") if line.strip() and not FIGURES.search(line)]
    return LogFacts(
        is_there=bool(ends.strip()),
        stopped=stopped[0].strip() if stopped else None,
        is_ruined=RUINED in ends,
        data_points=int(points[-1].replace(",", "") or "0") if points else None,
        engine_version=version[1] if version else None,
        last_lines=tuple(clean_text(line, 500) for line in lines[-KEPT_LINES:]),
    )


def _ends(folder: Path, name: str) -> tuple[str, str]:
    try:
        return read_ends(folder, name, MAX_READ_BYTES)
    except FileProblem:
        return "", ""

"""What the shim and a supervisor report of a pack: how each member's process ended, and how many members began.

Both write the same texts: the formats are for printf in the shell and for Python.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backfleet.core import wire

MEMBER_REPORT = "code=%s\nstarted_ms=%s\nfinished_ms=%s\noom=%s\nended=%s\nran_ms=%s\nlimit_ms=%s\n"
"""Exit code; start and end (Unix time); OOM kills while it ran; whether it was ended after its files were complete (1 or 0);
how long it ran, by a monotonic clock; its limit."""
PACK_REPORT = "begun=%s\n"
"""How many members began, in order."""
MEMBER_LINE = "== backtest %s, attempt %s (%s of %s)\n"
"""The line of the log before a member's output: index, number of the attempt, 1-based position and size of the pack."""

MAX_REPORT_BYTES = 4096
_MAX_DIGITS = 15
_LAST_SECOND = 253402300799


@dataclass(frozen=True, slots=True, kw_only=True)
class ShimReport:
    """One member's report. `exit_code` is None if nothing readable was written."""

    exit_code: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    oom_kills: int = 0
    is_ended: bool = False
    """The engine had reported its files complete, and the shim ended it."""
    ran_seconds: float | None = None
    """By a monotonic clock: rounded, but never less than the limit when that was reached."""
    limit_seconds: float | None = None

    @property
    def is_timeout(self) -> bool:
        """Report whether the limit ended the run: code 124 (`timeout`), 143 (busybox), or 137 (KILL) without an OOM kill."""
        if self.is_early:
            return False
        is_past = self.ran_seconds is not None and self.limit_seconds is not None
        return (
            self.exit_code == 124
            or (self.exit_code == 143 and is_past)
            or (self.exit_code == 137 and self.oom_kills == 0 and not self.is_ended)
        )

    @property
    def is_early(self) -> bool:
        """Report whether the run ended before its limit; a shim of 0.2.0 does not say, which counts as False."""
        if self.ran_seconds is None or self.limit_seconds is None:
            return False
        return self.ran_seconds < self.limit_seconds


def parse_report(text: str) -> ShimReport:
    """Parse a member's report, also one with seconds, as before 0.3.0.

    Skip a line that is not `key=number`, since the strategy's code may have written it.
    """
    values = _parse_numbers(text)
    return ShimReport(
        exit_code=values.get("code"),
        started_at=_moment(values, "started"),
        finished_at=_moment(values, "finished"),
        oom_kills=values.get("oom", 0),
        is_ended=values.get("ended", 0) == 1,
        ran_seconds=_seconds(values, "ran"),
        limit_seconds=_seconds(values, "limit"),
    )


def read_report(folder: Path) -> ShimReport:
    """Read the report in a member's folder; empty if there is none. Follow no link and read at most 4 KiB."""
    return parse_report(_read(folder / wire.SHIM_EXIT_FILE))


def read_begun(folder: Path) -> int | None:
    """Read how many members of the pack with these results began; None if there is no readable report."""
    return _parse_numbers(_read(folder / wire.SHIM_PACK_FILE)).get("begun")


def _read(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(MAX_REPORT_BYTES)


def _parse_numbers(text: str) -> dict[str, int]:
    values: dict[str, int] = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
            values[key] = int(value)
    return values


def _seconds(values: dict[str, int], key: str) -> float | None:
    milliseconds = values.get(f"{key}_ms")
    return values.get(key) if milliseconds is None else milliseconds / 1000


def _moment(values: dict[str, int], key: str) -> datetime | None:
    milliseconds = values.get(f"{key}_ms", values.get(key, -1) * 1000)
    if not 0 <= milliseconds <= _LAST_SECOND * 1000:
        return None
    # No float: it cannot hold the milliseconds of every moment.
    return datetime.fromtimestamp(milliseconds // 1000, UTC) + timedelta(milliseconds=milliseconds % 1000)

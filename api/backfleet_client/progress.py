"""How a watched batch is shown: a bar that redraws itself on a terminal, one line per change anywhere else."""

import shutil
from collections.abc import Callable
from typing import TextIO

from backfleet.core.metrics import as_shown
from backfleet_api.schemas import Batch, BatchSummary
from backfleet_client.output import clean
from backfleet_client.watching import sight

BAR_WIDTH = 24


class LineDisplay:
    """One line on standard output whenever something changed."""

    def __init__(self, out: TextIO, notes: TextIO, time_text: Callable[[], str]) -> None:
        self._out, self._notes, self._time_text = out, notes, time_text
        self._last: tuple[object, ...] | None = None

    def show(self, batch: Batch) -> None:
        """Write the line if it says something new."""
        if (seen := sight(batch)) != self._last:
            self._last = seen
            print(f"{self._time_text()}  {describe(batch)}", file=self._out, flush=True)

    def note(self, text: str) -> None:
        """Tell it beside the progress."""
        print(clean(text), file=self._notes, flush=True)

    def close(self) -> None:
        """Nothing is left open."""


class BarDisplay:
    """One line of a terminal, drawn over."""

    def __init__(self, out: TextIO, notes: TextIO) -> None:
        self._out, self._notes = out, notes
        self._is_open = False

    def show(self, batch: Batch) -> None:
        """Draw the bar over the one before."""
        width = max(shutil.get_terminal_size().columns - 1, 20)
        line = f"{bar(batch)} {describe(batch)}"
        print("\r" + line[:width].ljust(width), end="", file=self._out, flush=True)
        self._is_open = True

    def note(self, text: str) -> None:
        """Tell it on a line of its own; the bar goes on below."""
        self.close()
        print(clean(text), file=self._notes, flush=True)

    def close(self) -> None:
        """End the line of the bar, if one was drawn."""
        if self._is_open:
            print(file=self._out, flush=True)
        self._is_open = False


def best_value(batch: BatchSummary) -> float:
    """The value of the best backtest as people read it; only where there is one."""
    assert batch.best is not None
    return as_shown(batch.objective.metric, batch.best.value)


def bar(batch: BatchSummary) -> str:
    """The share of the backtests that ended; empty while the total is unknown."""
    counts = batch.counts
    ended = counts.succeeded + counts.failed + counts.cancelled
    filled = BAR_WIDTH * ended // counts.total if counts.total else 0
    return f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}]"


def describe(batch: Batch) -> str:
    """The state of a batch in one line."""
    counts = batch.counts
    parts = [batch.state.value, batch.progress, f"active {counts.active}"]
    parts += [f"{word} {count}" for word, count in _ended(batch) if count]
    if batch.best:
        parts.append(f"best {batch.objective.metric} {best_value(batch):.6g}")
    if batch.estimated_finish_at:
        parts.append(f"done about {batch.estimated_finish_at.astimezone():%Y-%m-%d %H:%M}")
    if batch.message:
        parts.append(batch.message)
    return clean("  ".join(parts))


def conclude(batch: Batch) -> str:
    """How a batch ended, in a few lines."""
    finish = batch.finish
    lines = [f"{batch.name}: {batch.state.value}" + (f" ({finish.reason}): {finish.message}" if finish else "")]
    if batch.best:
        texts = " ".join(f"{name}={text}" for name, text in batch.best.parameters.texts.items())
        lines.append(f"best {batch.objective.metric} {best_value(batch):.6g} at index {batch.best.index}: {texts}")
    return "\n".join(map(clean, lines))


def _ended(batch: Batch) -> list[tuple[str, int]]:
    counts = batch.counts
    return [("failed", counts.failed), ("cancelled", counts.cancelled), ("passed", counts.passed)]

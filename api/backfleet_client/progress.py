"""Shows a watched batch: a progress bar on a terminal, one line per change anywhere else."""

import shutil
from collections.abc import Callable
from typing import TextIO

from backfleet.core.metrics import as_shown
from backfleet_api.schemas.reading import Batch, BatchSummary
from backfleet_client.output import clean
from backfleet_client.watching import sight

BAR_WIDTH = 24


class LineDisplay:
    """A display that writes one line per change."""

    def __init__(self, out: TextIO, notes: TextIO, time_text: Callable[[], str]) -> None:
        self._out, self._notes, self._time_text = out, notes, time_text
        self._last: tuple[object, ...] | None = None

    def show(self, batch: Batch) -> None:
        """Write the line if something changed."""
        if (seen := sight(batch)) != self._last:
            self._last = seen
            print(f"{self._time_text()}  {describe(batch)}", file=self._out, flush=True)

    def note(self, text: str) -> None:
        """Write a note to the notes' stream."""
        print(clean(text), file=self._notes, flush=True)

    def close(self) -> None:
        """Do nothing: no line is left open."""


class BarDisplay:
    """A display that redraws one line of a terminal."""

    def __init__(self, out: TextIO, notes: TextIO) -> None:
        self._out, self._notes = out, notes
        self._is_open = False

    def show(self, batch: Batch) -> None:
        """Draw the bar over the previous one."""
        width = max(shutil.get_terminal_size().columns - 1, 20)
        line = f"{bar(batch)} {describe(batch)}"
        print("\r" + line[:width].ljust(width), end="", file=self._out, flush=True)
        self._is_open = True

    def note(self, text: str) -> None:
        """Write a note on its own line. The bar goes on below."""
        self.close()
        print(clean(text), file=self._notes, flush=True)

    def close(self) -> None:
        """End the line of the bar, if one was drawn."""
        if self._is_open:
            print(file=self._out, flush=True)
        self._is_open = False


def best_value(batch: BatchSummary) -> float:
    """Return the value of the best backtest, rounded for people. The batch must have a best backtest."""
    assert batch.best is not None
    return as_shown(batch.objective.metric, batch.best.value)


def bar(batch: BatchSummary) -> str:
    """Draw the share of backtests that have ended. The bar is empty while the total is unknown."""
    counts = batch.counts
    ended = counts.succeeded + counts.failed + counts.cancelled
    filled = BAR_WIDTH * ended // counts.total if counts.total else 0
    return f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}]"


def describe(batch: Batch) -> str:
    """Describe the state of a batch in one line."""
    counts = batch.counts
    parts = [batch.state.value, batch.progress, f"active {counts.active}"]
    parts += [f"{word} {count}" for word, count in _ended(batch) if count]
    if batch.best:
        parts.append(f"best {batch.objective.metric} {best_value(batch):.6g}")
    if batch.estimated_finish_at:
        parts.append(f"estimated finish {batch.estimated_finish_at.astimezone():%Y-%m-%d %H:%M}")
    if batch.message:
        parts.append(batch.message)
    return clean("  ".join(parts))


def conclude(batch: Batch) -> str:
    """Describe how a batch ended, in one or two lines."""
    finish = batch.finish
    lines = [f"{batch.name}: {batch.state.value}" + (f" ({finish.reason}): {finish.message}" if finish else "")]
    if batch.best:
        texts = " ".join(f"{name}={text}" for name, text in batch.best.parameters.texts.items())
        lines.append(f"best {batch.objective.metric} {best_value(batch):.6g} at index {batch.best.index}: {texts}")
    return "\n".join(map(clean, lines))


def _ended(batch: Batch) -> list[tuple[str, int]]:
    counts = batch.counts
    return [("failed", counts.failed), ("cancelled", counts.cancelled), ("passed", counts.passed)]

"""The pages on LEAN's results say what the code does."""

import re
from pathlib import Path

import pytest

from backfleet.core.reasons import FailureReason
from backfleet.engines.lean.metrics import PORTFOLIO, RUNTIME, SOURCES, STATISTICS, TRADES

DOCS = Path(__file__).resolve().parents[2] / "docs"
PLACES = {STATISTICS: "statistics", RUNTIME: "runtime", PORTFOLIO: "portfolio", TRADES: "trades"}


@pytest.mark.parametrize("metric", list(SOURCES))
def test_the_table_of_metrics_names_the_fields_of_lean_in_the_order_in_which_they_are_read(metric: str) -> None:
    row = next(line for line in (DOCS / "metrics.md").read_text().splitlines() if line.startswith(f"| `{metric}` |"))
    fields = ", else ".join(f"{PLACES[source.place]} `{source.field}`" for source in SOURCES[metric])
    cell = row.split(" | ")[1]
    # What is computed from closed trades names LEAN's own field after that; a note may follow.
    assert cell.removeprefix("computed from `closedTrades`; without them ").partition(":")[0] == fields


def test_every_reason_in_the_table_of_verdicts_is_one_of_the_closed_set() -> None:
    text = (DOCS / "lean-results.md").read_text().split("## Warnings")[0]
    cells = " ".join(line.rsplit(" | ", 1)[-1] for line in text.splitlines() if line.startswith("| "))
    named = set(re.findall(r"\b[A-Z][A-Za-z]+(?:Error|Missing|Invalid|Killed|Timeout|Crash|Data)\b", cells))
    assert len(named) >= 9
    assert named <= {reason.value for reason in FailureReason}

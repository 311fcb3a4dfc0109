"""The display of a watched batch, on a terminal and elsewhere."""

import io
from datetime import UTC, datetime

import pytest

from backfleet_api.schemas import examples
from backfleet_api.schemas.reading import Batch
from backfleet_client.progress import BarDisplay, LineDisplay, bar, conclude, describe


def batch(**changes: object) -> Batch:
    return Batch.model_validate(examples.BATCH | {"estimated_finish_at": None} | changes, strict=False)


def counts(**changes: int | None) -> dict[str, int | None]:
    return examples.BATCH["counts"] | changes


@pytest.mark.parametrize(
    ("changes", "drawn"),
    [
        ({"total": 6}, "[############............]"),
        ({"total": None}, "[........................]"),
        ({"total": 0}, "[........................]"),
        ({"total": 6, "succeeded": 4, "failed": 1, "cancelled": 1}, "[########################]"),
        ({"total": 1_000_000, "succeeded": 999_999}, "[#######################.]"),
    ],
)
def test_the_bar_is_full_only_at_the_end(changes: dict[str, int | None], drawn: str) -> None:
    assert bar(batch(counts=counts(**changes))) == drawn


def test_a_line_shows_what_matters() -> None:
    assert describe(batch()) == "running  3/6  active 2  passed 1  best sharpe_ratio 0.412"
    assert describe(batch(counts=counts(failed=2), best=None)) == "running  3/6  active 2  failed 2  passed 1"
    assert describe(batch(state="pending", message="waits\x1b", counts=counts(active=0, passed=0), best=None)) == (
        "pending  3/6  active 0  waits "
    )
    done = datetime(2026, 11, 24, 15, 1, tzinfo=UTC)
    assert describe(batch(estimated_finish_at=done)).endswith(f"estimated finish {done.astimezone():%Y-%m-%d %H:%M}")


def test_the_end_has_its_reason_and_the_best() -> None:
    finish = {"reason": "AllSucceeded", "message": "all 6 backtests succeeded"}
    assert conclude(batch(state="complete", finish=finish)).splitlines() == [
        "rsi-small: complete (AllSucceeded): all 6 backtests succeeded",
        "best sharpe_ratio 0.412 at index 0: rsi_period=14 entry_threshold=25.5",
    ]
    assert conclude(batch(state="failed", best=None)) == "rsi-small: failed"


def test_lines_are_written_when_something_changed() -> None:
    out, notes = io.StringIO(), io.StringIO()
    display = LineDisplay(out, notes, lambda: "12:00:00")
    for seen in (batch(), batch(backtests_per_minute=99.0), batch(counts=counts(active=1))):
        display.show(seen)
    display.note("the API is\x1b back")
    display.close()
    assert [line.split()[4] for line in out.getvalue().splitlines()] == ["2", "1"]
    assert notes.getvalue() == "the API is  back\n"


def test_the_bar_is_drawn_over_and_ends_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out, notes = io.StringIO(), io.StringIO()
    display = BarDisplay(out, notes)
    display.show(batch())
    display.note("away")
    display.show(batch(best=None))
    display.close()
    display.close()
    first, second, rest = out.getvalue().split("\n")
    assert (len(first), len(second), rest) == (80, 80, "")
    assert first.startswith("\r[############............] running  3/6")
    assert second.endswith(" ")
    assert notes.getvalue() == "away\n"

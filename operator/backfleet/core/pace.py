"""Measures how fast the backtests of a batch end, estimates when the batch ends, and advises where pods cost the most.

The pace comes from samples of the number of ended backtests: the last `KEPT` that are at least `SPACING` apart. So a
slow batch is measured by its last 20 ends, a fast one by its last 10 minutes. The first sample of a batch is its first
engine's start. Time in which a batch is suspended and none of its backtests runs does not count: the samples are
shifted by it.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from backfleet.core.records import BatchRecord, BatchState, OutcomeRecord

KEPT = 21
"""The number of samples: 20 backtests end between the first and the last."""
SPACING = timedelta(seconds=30)
SHORTEST_SPAN_SECONDS = 1.0
STEP_SECONDS = 60
RECENT = 20
"""Over about so many backtests goes the mean of what one took lately."""
ADVISE_AFTER = 20
"""So many backtests have to end before their times say something."""
ADVISE_ABOVE = 0.5
"""The share of a Job's time that is not its engine's."""
FARTHEST_SECONDS = 10 * 365 * 86_400.0
_UNITS = (("minute", 60.0), ("hour", 3_600.0), ("day", 86_400.0))


def note_ends(before: BatchRecord | None, record: BatchRecord, now: datetime, *, is_standing: bool) -> BatchRecord:
    """Return the batch with current samples. `is_standing` is true while it is suspended and none of its backtests runs."""
    samples, suspended_at = record.recent_ends, record.suspended_at
    if suspended_at is not None and not is_standing:
        samples = tuple((moment + (now - suspended_at), ended) for moment, ended in samples)
        suspended_at = None
    elif is_standing:
        suspended_at = suspended_at or now
    started_at, ended = record.first_engine_started_at, record.ended
    if not samples and started_at is not None:
        # A batch that ended some before it was sampled is measured from now on.
        had_ended = 0 if before is None else before.ended
        samples = ((now, ended),) if had_ended else ((started_at, 0),)
    clock = suspended_at or now
    if samples and ended > samples[-1][1] and clock >= samples[-1][0] + SPACING:
        samples = (*samples, (clock, ended))[-KEPT:]
    return replace(record, recent_ends=samples, suspended_at=suspended_at)


def note_times(record: BatchRecord, outcome: OutcomeRecord, job_seconds: float | None) -> BatchRecord:
    """Return the batch with the times of one more backtest. `job_seconds` is that of its Job, if it had one of its own."""
    began, ended = outcome.engine_started_at, outcome.engine_finished_at
    if began is None or ended is None or ended < began:
        return record
    of_engine = _recent_mean(record.engine_seconds, (ended - began).total_seconds())
    of_job = record.job_seconds if job_seconds is None else _recent_mean(record.job_seconds, job_seconds)
    return replace(record, engine_seconds=of_engine, job_seconds=of_job)


def backtests_per_second(record: BatchRecord, now: datetime) -> float | None:
    """Return the recent pace, of a finished or standing batch as it was then. None before an end."""
    if not record.recent_ends:
        return None
    since, had_ended = record.recent_ends[0]
    count = record.ended - had_ended
    clock = record.suspended_at or record.finished_at or now
    return count / max((clock - since).total_seconds(), SHORTEST_SPAN_SECONDS) if count > 0 else None


def estimate_finish(record: BatchRecord, now: datetime) -> datetime | None:
    """Estimate when the batch ends at its recent pace, rounded up to a minute. None if suspended or without pace."""
    pace = backtests_per_second(record, now)
    if record.state is not BatchState.LIVE or record.is_suspended or not record.total or pace is None:
        return None
    seconds = max(record.total - record.ended, 0) / pace
    end = now + timedelta(seconds=min(seconds, FARTHEST_SECONDS))
    return end + timedelta(seconds=-end.timestamp() % STEP_SECONDS)


def pace_text(per_second: float) -> str:
    """Return a pace for people: per minute, hour or day, whichever is the first to reach one."""
    unit, seconds = next(((unit, span) for unit, span in _UNITS if per_second * span >= 1), _UNITS[-1])
    count = round_figures(per_second * seconds)
    return f"{count:.0f} per {unit}" if count >= 100 else f"{count:g} per {unit}"


def round_figures(number: float, figures: int = 3) -> float:
    """Round to significant figures, so that nothing small becomes 0."""
    return float(f"{number:.{figures - 1}e}")


def advise_packs(record: BatchRecord) -> str | None:
    """Return an advice if a batch with one backtest per Job spends most of its time on pods. None otherwise."""
    engine, job = record.engine_seconds, record.job_seconds
    if record.ended < ADVISE_AFTER or record.backtests_per_job != 1 or engine is None or not job:
        return None
    share = 1 - engine / job
    if share < ADVISE_ABOVE:
        return None
    took = f"{round_figures(job):g} s, of which the engine ran {round_figures(engine):g} s"
    return f"a backtest took {took}: {share:.0%} went into its pod. Set spec.backtestsPerJob to auto."


def _recent_mean(known: float | None, value: float) -> float:
    return value if known is None else known + (value - known) / RECENT

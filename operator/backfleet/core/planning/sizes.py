"""Decides how many backtests the next Job of a batch carries."""

import json

from backfleet.core.planning.draft import Draft
from backfleet.core.space.parameters import Axis, RangeAxis
from backfleet.core.space.scalars import value_text
from backfleet.core.spec.fields import AUTO, LARGEST_PACK

FIRST_PACK = 500
"""The largest pack of a batch whose backtests were not measured yet, for `auto`."""
POD_SECONDS = 1.0
"""What a pod costs, about. A Job of quick backtests carries at least as much work, so that its pod is at most half of it."""
UNPROVEN_PACK = 5
"""The largest pack until the first backtest of a batch has ended, so that a broken strategy ends cheaply."""
MAX_PARAMETER_BYTES = 88 * 1024
"""What the parameters of a pack may take in one variable: Linux takes 128 KiB."""
MAX_JOB_BYTES = 112 * 1024
"""What they may take in a whole Job, which has them twice: for the engine and for the recorder. The rest of it needs room too."""
_ROW_BYTES = 16
"""What a member takes next to its parameters in a variable."""
_PLACE_BYTES = 30
"""What the places of a member take in a Job, wherever its indexes are."""


def pack_size(draft: Draft) -> int:
    """Return how many backtests the next Job may carry."""
    record, declared = draft.record, draft.work.spec.backtests_per_job
    if record.is_one_per_job or declared == 1:
        return 1
    wanted = _measured(draft) if declared == AUTO else int(declared)
    if not (record.ended or draft.is_proven):
        wanted = min(wanted, UNPROVEN_PACK)
    return max(1, min(wanted, size_that_fits(draft)))


def size_that_fits(draft: Draft) -> int:
    """Return how many members fit into a variable, and into a Job, if all have texts as long as the longest ones.

    A Job has the texts of its members for an engine that takes them one by one. The recorder gets them too, or the axes and
    the indexes, whichever is shorter.
    """
    space = draft.work.space
    row = len(json.dumps({axis.name: "x" * _longest(axis) for axis in space.axes}).encode())
    in_job = row + sum(4 + _escapes(axis) for axis in space.axes)
    axes = len(json.dumps(json.dumps(space.to_json())))
    fit_in_job = max(MAX_JOB_BYTES // (2 * in_job + _PLACE_BYTES), (MAX_JOB_BYTES - axes) // (in_job + _PLACE_BYTES))
    return min(MAX_PARAMETER_BYTES // (row + _ROW_BYTES), fit_in_job)


def _measured(draft: Draft) -> int:
    """Return an equal share of what is left for every slot, but no more than the time of a pack allows."""
    in_flight = sum(pack.unsettled for pack in draft.packs.values())
    # Packs of this pass have all their work before them; those of earlier ones count as nearly done.
    just_launched = sum(pack.unsettled for pack in draft.packs.values() if pack.launched_at == draft.now)
    left = draft.record.queued(in_flight) + just_launched
    share = -(-left // draft.allowed_packs)
    seconds = draft.record.engine_seconds
    if seconds is None:
        return min(max(share, _worth_a_pod(draft)), left, FIRST_PACK)
    in_time = LARGEST_PACK if seconds * LARGEST_PACK <= draft.pack_seconds else int(draft.pack_seconds / seconds)
    return min(share, max(1, in_time))


def _worth_a_pod(draft: Draft) -> int:
    """Return how many backtests are worth a pod, as far as the engine is known to be quick."""
    usual = draft.limits.usual_seconds.get(draft.work.spec.engine.name.value)
    return int(POD_SECONDS / usual) if usual else 1


def _longest(axis: Axis) -> int:
    """Return a bound on the bytes of a value's text."""
    if not isinstance(axis, RangeAxis):
        return max(len(json.dumps(value_text(value))) for value in axis.values)
    first, last = axis.value(0), axis.value(axis.count - 1)
    whole = max(len(value_text(each).partition(".")[0]) for each in (first, last))
    fraction = max(len(value_text(each).partition(".")[2]) for each in (axis.start, axis.step))
    return whole + 1 + fraction


def _escapes(axis: Axis) -> int:
    """Return a bound on what a value's text takes more in a Job, which is JSON around it, and has every dollar twice."""
    if isinstance(axis, RangeAxis):
        return 0
    texts = (json.dumps(value_text(value)) for value in axis.values)
    return max(text.count('"') - 2 + text.count("\\") + text.count("$") for text in texts)

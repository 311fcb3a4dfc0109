"""What has started in this installation lately: a batch of the same work needs no test of whether it starts."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from backfleet.core.changes import EndPack, MarkPack, RowChange, StartReport
from backfleet.core.packs import PackRecord
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.start import StartProblem
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchRecord
from backfleet.core.spec.model import BatchSpec


def work_key(spec: BatchSpec, images: Mapping[str, str]) -> str:
    """Return the digest of what decides whether an engine starts: engine, image, strategy or project, and volumes.

    `images` are the installation's, by engine.
    """
    engine, strategy = spec.engine.name.value, spec.strategy
    parts = {
        "engine": engine,
        "image": spec.engine.image or images.get(engine),
        "strategy": strategy.model_dump(mode="json"),
        "data": spec.data.volume.model_dump(mode="json") if spec.data.volume else None,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def start_report(draft: Draft, after: BatchRecord, packs: Iterable[PackRecord]) -> StartReport | None:
    """Return what a pass shows about the start of this work: a pack did not start, or an engine did.

    `packs` are those of the rows, as the pass read them. An engine's start is news for the first one of a batch, and while the
    work does not count as started.
    """
    changes, before = draft.decided.changes, draft.before
    if any(_has_failed(change) for change in changes):
        return StartReport(key=draft.work_key, has_started=False)
    is_first = after.first_engine_started_at is not None and (before is None or before.first_engine_started_at is None)
    if is_first or (not draft.is_proven and _starts(changes, packs)):
        return StartReport(key=draft.work_key, has_started=True)
    return None


def _starts(changes: Iterable[RowChange], packs: Iterable[PackRecord]) -> bool:
    marked = [each.pack for each in changes if isinstance(each, MarkPack) and each.pack.engine_started_at is not None]
    known = {each.id for each in packs if each.engine_started_at is not None} if marked else set()
    return any(each.id not in known for each in marked)


def _has_failed(change: RowChange) -> bool:
    if isinstance(change, EndPack):
        is_late = change.reason is FailureReason.START_TIMEOUT and change.pack.engine_started_at is None
        return is_late and StartProblem.parse(change.message).is_of_work
    if not isinstance(change, MarkPack) or change.pack.has_job:
        return False
    problem = StartProblem.of(change.pack)
    return problem is not None and problem.is_of_work

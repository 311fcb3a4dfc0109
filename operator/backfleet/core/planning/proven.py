"""What has started in this installation lately: a batch of the same work needs no test of whether it starts."""

import hashlib
import json
from collections.abc import Mapping

from backfleet.core.changes import EndPack, MarkPack, StartReport
from backfleet.core.planning.decision import Decision
from backfleet.core.planning.start import Patience, StartProblem
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


def start_report(key: str, before: BatchRecord | None, after: BatchRecord, decided: Decision) -> StartReport | None:
    """Return what a pass shows about the start of this work: the first engine of a batch started, or a pack did not."""
    if any(_has_failed(change) for change in decided.changes):
        return StartReport(key=key, has_started=False)
    is_first = after.first_engine_started_at is not None and (before is None or before.first_engine_started_at is None)
    return StartReport(key=key, has_started=True) if is_first else None


def _has_failed(change: object) -> bool:
    if isinstance(change, EndPack):
        return change.reason is FailureReason.START_TIMEOUT and change.pack.engine_started_at is None
    if not isinstance(change, MarkPack) or change.pack.has_job:
        return False
    problem = StartProblem.of(change.pack)
    return problem is not None and problem.patience is Patience.START

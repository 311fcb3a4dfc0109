"""The life of one fake pod: engine, recorder, end; each step is a status that its kubelet reports."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from backfleet.core import wire
from tests.world.clock import text
from tests.world.fates import Fate, Life
from tests.world.kinds import Json
from tests.world.pod_environment import indexes_of, patience_of
from tests.world.recording import Ending

RECORD_SECONDS = 1.0
RETRY_SECONDS = 5.0
WAITING = {
    Fate.IMAGE: ("ErrImagePull", "rpc error: the image was not found"),
    Fate.CONFIG: ("CreateContainerConfigError", 'configmap "missing" not found'),
}
KILLED = {Fate.CRASHES: (139, "Error"), Fate.OOM_OF_CONTAINER: (137, "OOMKilled")}


class Records(Protocol):
    """What writes outcomes."""

    def record(self, pod: Json, fate: Fate, started: datetime, finished: datetime) -> Ending:
        """Offer the outcome once."""


@dataclass
class PodLife:
    """`step` is what comes next, at `due_at`; None when nothing does any more."""

    life: Life
    records: Records
    due_at: datetime
    step: Callable[["PodLife", Json, datetime], Json] | None
    started_at: datetime
    ended_at: datetime

    @classmethod
    def begin(cls, life: Life, records: Records, now: datetime) -> "PodLife":
        starts_at = now + timedelta(seconds=life.start_seconds)
        return cls(life, records, starts_at, start, starts_at, starts_at)

    def advance(self, pod: Json, now: datetime) -> Json:
        """Do what is due; the status to report."""
        assert self.step is not None
        return self.step(self, pod, now)

    def go_on(self, step: Callable[["PodLife", Json, datetime], Json] | None, at: datetime, seconds: float) -> None:
        self.step, self.due_at = step, at + timedelta(seconds=seconds)


def start(run: PodLife, pod: Json, now: datetime) -> Json:
    """Start the engine, or let it wait for ever."""
    fate, image = run.life.fate, WAITING.get(run.life.fate)
    if image is not None:
        run.step = None
        return {"phase": "Pending", "startTime": text(now), **_engine(_waiting(*image))}
    run.started_at = now
    run.go_on(None if fate is Fate.HANGS else end_engine, now, run.life.run_seconds)
    return {"phase": "Pending", "startTime": text(now), **_engine({"running": {"startedAt": text(now)}})}


def end_engine(run: PodLife, pod: Json, now: datetime) -> Json:
    """End the engine's container, and begin the recorder's unless the pod is over."""
    fate, started = run.life.fate, run.started_at
    run.ended_at = now
    run.step = None
    if fate is Fate.EVICTED:
        return {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory. "}
    if fate in KILLED:
        code, reason = KILLED[fate]
        state = _ended(code, reason, started, now)
        state["terminated"]["message"] = str(_position_of_death(run, pod))
        return {"phase": "Failed", **_engine(state)}
    engine = _engine(_ended(0, "Completed", started, now))
    if fate is Fate.RECORDER_CONFIG:
        return {**engine, **_recorder(_waiting("CreateContainerConfigError", 'secret "backfleet-recorder" not found'))}
    run.go_on(record, now, RECORD_SECONDS)
    return {"phase": "Running", **engine, **_recorder({"running": {"startedAt": text(now)}})}


def record(run: PodLife, pod: Json, now: datetime) -> Json:
    """Offer the outcome, again and again while Postgres is away and the recorder's patience lasts; then end the pod."""
    fate = run.life.fate
    if fate is Fate.RECORDER_SILENT:
        ending = Ending(0, "")
    else:
        ending = run.records.record(pod, fate, run.started_at, run.ended_at)
        is_patient = now < run.ended_at + timedelta(seconds=patience_of(pod))
        if ending.exit_code == wire.RECORDER_EXIT_GAVE_UP and is_patient:
            run.go_on(record, now, RETRY_SECONDS)
            return {}
    if fate is Fate.RECORDER_CRASHES:
        ending = Ending(139, "")
    run.step = None
    state = _ended(ending.exit_code, "Error" if ending.exit_code else "Completed", run.ended_at, now)
    state["terminated"]["message"] = ending.message
    return {"phase": "Failed" if ending.exit_code else "Succeeded", **_recorder(state)}


def _position_of_death(run: PodLife, pod: Json) -> int:
    """Return which member ran when the container died: the one whose fate it was, or the one in the middle."""
    indexes = indexes_of(pod)
    return indexes.index(run.life.victim) if run.life.victim in indexes else len(indexes) // 2


def _engine(state: Json) -> Json:
    return {"initContainerStatuses": [_status(wire.CONTAINER_ENGINE, state)]}


def _recorder(state: Json) -> Json:
    return {"containerStatuses": [_status(wire.CONTAINER_RECORDER, state)]}


def _status(name: str, state: Json) -> Json:
    image = {"image": "fake", "imageID": "", "restartCount": 0}
    return {"name": name, "state": state, "ready": False, **image}


def _waiting(reason: str, message: str) -> Json:
    return {"waiting": {"reason": reason, "message": message}}


def _ended(code: int, reason: str, started: datetime, now: datetime) -> Json:
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": text(started), "finishedAt": text(now)}}

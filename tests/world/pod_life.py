"""The life of one fake pod: engine, recorder, end; each step is a status that its kubelet reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from backfleet.core import wire
from tests.world.clock import text
from tests.world.fates import Fate, Life, MemberRun
from tests.world.kinds import Json
from tests.world.pod_environment import pack_seconds_of, patience_of
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

    def record(self, pod: Json, fate: Fate, runs: Sequence[MemberRun]) -> Ending:
        """Offer the outcomes once. `fate` is the pod's, `runs` are the members that ran."""


@dataclass
class PodLife:
    """`step` is what comes next, at `due_at`; None when nothing does any more."""

    life: Life
    records: Records
    due_at: datetime
    step: Callable[["PodLife", Json, datetime], Json] | None
    started_at: datetime
    ended_at: datetime
    runs: list[MemberRun] = field(default_factory=list)
    """The members that have ended."""

    @classmethod
    def begin(cls, life: Life, records: Records, now: datetime) -> "PodLife":
        starts_at = now + timedelta(seconds=life.start_seconds)
        return cls(life, records, starts_at, start, starts_at, starts_at)

    @property
    def fate(self) -> Fate:
        """The fate of the member that runs."""
        return self.life.members[len(self.runs)].fate

    def advance(self, pod: Json, now: datetime) -> Json:
        """Do what is due; the status to report. Members end without one."""
        status: Json = {}
        while not status and self.step is not None and self.due_at <= now:
            status = self.step(self, pod, now)
        return status

    def go_on(self, step: Callable[["PodLife", Json, datetime], Json] | None, at: datetime, seconds: float) -> None:
        self.step, self.due_at = step, at + timedelta(seconds=seconds)

    def begin_member(self, at: datetime) -> None:
        """Begin the next member at a moment; one that hangs never ends."""
        member = self.life.members[len(self.runs)]
        self.go_on(None if member.fate is Fate.HANGS else end_member, at, member.seconds)


def start(run: PodLife, pod: Json, now: datetime) -> Json:
    """Start the engine, or let it wait for ever."""
    image = WAITING.get(run.life.fate)
    if image is not None:
        run.step = None
        return {"phase": "Pending", "startTime": text(now), **_engine(_waiting(*image))}
    run.started_at = now
    run.begin_member(now)
    return {"phase": "Pending", "startTime": text(now), **_engine({"running": {"startedAt": text(now)}})}


def end_member(run: PodLife, pod: Json, now: datetime) -> Json:
    """End the member that runs, and begin the next one if there is one, and time; a pod ends with its container or its node."""
    fate, at, started = run.fate, run.due_at, run.started_at
    if fate is Fate.EVICTED:
        run.step = None
        return {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory. "}
    if fate in KILLED:
        run.step = None
        code, reason = KILLED[fate]
        state = _ended(code, reason, started, now)
        state["terminated"]["message"] = str(len(run.runs))
        return {"phase": "Failed", **_engine(state)}
    run.runs.append(MemberRun(fate, run.runs[-1].finished if run.runs else started, at))
    is_over = fate is Fate.TIME_IS_OVER or at >= started + timedelta(seconds=pack_seconds_of(pod))
    if len(run.runs) == len(run.life.members) or is_over:
        return end_engine(run, now)
    run.begin_member(at)
    return {}


def end_engine(run: PodLife, now: datetime) -> Json:
    """End the engine's container, and begin the recorder's."""
    run.ended_at, run.step = now, None
    engine = _engine(_ended(0, "Completed", run.started_at, now))
    if run.life.fate is Fate.RECORDER_CONFIG:
        return {**engine, **_recorder(_waiting("CreateContainerConfigError", 'secret "backfleet-recorder" not found'))}
    run.go_on(record, now, RECORD_SECONDS)
    return {"phase": "Running", **engine, **_recorder({"running": {"startedAt": text(now)}})}


def record(run: PodLife, pod: Json, now: datetime) -> Json:
    """Offer the outcome, again and again while Postgres is away and the recorder's patience lasts; then end the pod."""
    fate = run.life.fate
    if fate is Fate.RECORDER_SILENT:
        ending = Ending(0, "")
    else:
        ending = run.records.record(pod, fate, run.runs)
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

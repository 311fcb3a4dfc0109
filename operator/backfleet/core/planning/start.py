"""Why a pack has not started, how long the operator is patient, and when it tries again or gives up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum, unique

from backfleet.core.packs import PackRecord
from backfleet.core.planning.observation import JobState, Limits, Refusal, RefusalKind, SeenContainer, SeenJob, SeenPod
from backfleet.core.reasons import FailureReason
from backfleet.core.records import MESSAGE_LIMIT

_QUOTA_EXCEEDED = "QuotaExceeded"
_UNSCHEDULABLE = "Unschedulable"
_NO_ANSWER = "NoAnswer"
_QUOTA_WORDS = "exceeded quota"
_STARTING = (None, "PodInitializing", "ContainerCreating")
"""The kubelet's reasons for a container that starts normally."""
JOB_DELETING = "JobDeleting"
_BEFORE_A_POD = frozenset({JOB_DELETING, RefusalKind.NAME_CONFLICT.value, RefusalKind.NOT_BUILT.value})
"""Problems that come before anything of the work was tried."""


@unique
class Patience(StrEnum):
    """Whose time runs while a pack does not start."""

    START = "start"
    """The pack's: within its start timeout."""
    ROOM = "room"
    """The cluster's: it has no room, which is not charged and has a longer deadline."""
    ANSWER = "answer"
    """Nobody's: the API server did not say whether the Job exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartProblem:
    """A reported problem. `kind` is one word, such as ErrImagePull or QuotaExceeded."""

    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"

    @property
    def patience(self) -> Patience:
        if self.kind in (_QUOTA_EXCEEDED, _UNSCHEDULABLE):
            return Patience.ROOM
        return Patience.ANSWER if self.kind == _NO_ANSWER else Patience.START

    @property
    def failure(self) -> FailureReason:
        """Return the reason of a pack that is given up because of this problem."""
        if self.patience is not Patience.ROOM:
            return FailureReason.START_TIMEOUT
        return FailureReason.UNSCHEDULABLE if self.kind == _UNSCHEDULABLE else FailureReason.QUOTA_EXCEEDED

    @property
    def is_of_work(self) -> bool:
        """Report whether it shows that the work does not start: not where there is no room, no answer or no Job yet."""
        return self.patience is Patience.START and self.kind not in _BEFORE_A_POD

    @staticmethod
    def parse(text: str) -> "StartProblem":
        """Parse the text of a problem, as rows and messages have it."""
        kind, _, message = text.partition(": ")
        return StartProblem(kind=kind, message=message)

    @staticmethod
    def of(pack: PackRecord) -> "StartProblem | None":
        """Return the last problem in the pack's row, or None."""
        if pack.waiting_since is None or pack.waiting_reason is None:
            return None
        return StartProblem.parse(pack.waiting_reason)

    @staticmethod
    def of_refusal(refusal: Refusal) -> "StartProblem":
        """Return why the API server did not create the Job."""
        is_busy = refusal.kind is RefusalKind.BUSY
        return StartProblem(kind=_NO_ANSWER if is_busy else refusal.kind.value, message=refusal.message)


def reported_problem(job: SeenJob, pod: SeenPod | None) -> StartProblem | None:
    """Return the problem of an engine that has not started, from the pod or a refusal. None if nothing was reported."""
    if pod is None:
        if not job.pod_refusal:
            return None
        kind = _QUOTA_EXCEEDED if _QUOTA_WORDS in job.pod_refusal else "PodForbidden"
        return StartProblem(kind=kind, message=job.pod_refusal)
    if pod.unschedulable:
        return StartProblem(kind=_UNSCHEDULABLE, message=pod.unschedulable)
    return _waiting(pod.engine)


def recorder_problem(pod: SeenPod | None) -> StartProblem | None:
    """Return why the recorder cannot start after the engine's end. None if nothing was reported."""
    if pod is None or pod.engine.exit_code is None or pod.recorder.started_at is not None:
        return None
    return _waiting(pod.recorder)


def silence(pod: SeenPod | None) -> StartProblem:
    """Return the problem of a pack that has not started, without any report."""
    if pod is None:
        message = "its Job has no pod: see the Job's events (quota, pod security, admission)"
    else:
        message = "its pod was created, and its engine's container has not started"
    return StartProblem(kind="NotStarted", message=message)


def problems_since(
    known: Mapping[str, datetime], jobs: Iterable[SeenJob], pods: Iterable[SeenPod], now: datetime
) -> dict[str, datetime]:
    """Return since when each Job's start problem has been reported, by uid. `known` is the result of the last pass.

    A Job whose pod was refused has had its problem since its creation.
    """
    pod_of = {pod.owner_uid: pod for pod in pods}
    since = {}
    for job in jobs:
        pod = pod_of.get(job.uid)
        is_started = pod is not None and pod.engine.started_at is not None
        if job.state is JobState.ACTIVE and not is_started and reported_problem(job, pod) is not None:
            since[job.uid] = known.get(job.uid) or (job.created_at if pod is None else now)
    return since


def postponed(
    pack: PackRecord, problem: StartProblem, now: datetime, limits: Limits, not_before: datetime | None = None
) -> PackRecord:
    """Return the pack as it waits for its next try. The time of a problem that is not its own is not charged."""
    before, since = StartProblem.of(pack), pack.waiting_since
    reason: str | None = str(problem)[:MESSAGE_LIMIT]
    deadline = pack.start_deadline_at
    retry_at = now + _back_off(pack, problem, limits)
    retry_at = max(retry_at, not_before or retry_at)
    if before is None or since is None:
        since = now
    elif (before.patience, problem.patience) == (Patience.ROOM, Patience.ANSWER):
        # The wait for room goes on, but for the time until the next try: else an answer that is missing now and then ends none.
        since, reason = min(since + (retry_at - now), now), pack.waiting_reason
    elif before.patience is not problem.patience:
        deadline += now - since if before.patience is not Patience.START else timedelta(0)
        since = now
    return replace(
        pack,
        job_seen_at=None,
        start_deadline_at=deadline,
        start_tries=pack.start_tries + 1,
        waiting_since=since,
        waiting_reason=reason,
        retry_at=retry_at,
    )


def is_given_up(pack: PackRecord, now: datetime, room_seconds: int) -> bool:
    """Report whether a pack that was just postponed has used all its time."""
    problem = StartProblem.of(pack)
    if problem is None or pack.waiting_since is None or problem.patience is Patience.ANSWER:
        return False
    if problem.patience is Patience.START:
        return now >= pack.start_deadline_at
    return now >= pack.waiting_since + timedelta(seconds=room_seconds)


def without_wait(pack: PackRecord) -> PackRecord:
    """Return the pack after nothing keeps it from starting. Its number of tries stays."""
    return replace(pack, waiting_since=None, waiting_reason=None, retry_at=None)


def is_recorder_doubtful(pack: PackRecord) -> bool:
    """Report whether the recorder of this pack, or of one before it, did not start and has not been proved since."""
    return (pack.waiting_reason or "").startswith(FailureReason.RECORDER_NOT_STARTED)


def _back_off(pack: PackRecord, problem: StartProblem, limits: Limits) -> timedelta:
    """Double the pause with every try. Keep it short if room may come at any time."""
    longest = limits.room_back_off_seconds if problem.patience is Patience.ROOM else limits.last_back_off_seconds
    return timedelta(seconds=min(limits.first_back_off_seconds * 2.0 ** min(pack.start_tries, 20), longest))


def _waiting(container: SeenContainer) -> StartProblem | None:
    if container.waiting_reason in _STARTING:
        return None
    return StartProblem(kind=str(container.waiting_reason), message=container.waiting_message or "no message")

"""Classifies the failure of a pack by its Job and pod: one ordered table, the first match decides."""

import re
from collections.abc import Callable

from backfleet.core import wire
from backfleet.core.packs import PackRecord
from backfleet.core.planning.observation import SeenJob, SeenPod
from backfleet.core.reasons import FailureReason

_ADMISSION_REASONS = frozenset({"UnexpectedAdmissionError", "OutOfcpu", "OutOfmemory", "OutOfpods", "NodeAffinity"})
_OWN_STORAGE = re.compile(
    "Usage of EmptyDir volume .* exceeds the limit"
    "|ephemeral local storage usage exceeds the total limit of containers"
    "|Container .* exceeded its local ephemeral storage limit"
)
"""The kubelet's text when it evicts a pod for its own writing. When the node is full, the text names the node."""
_STORAGE_HINT = "Let the strategy write less, or raise backtests.resultsSizeLimit."
_POSITION = re.compile(r"([0-9]{1,4})")
_PREEMPTING = frozenset({"Preempting", "PreemptionByScheduler"})

Rule = tuple[FailureReason, Callable[[SeenJob, SeenPod], bool], Callable[[SeenJob, SeenPod], str]]

_RULES: tuple[Rule, ...] = (
    # The strategy wrote more than its volumes, or its whole pod, may hold.
    (
        FailureReason.STORAGE_LIMIT_EXCEEDED,
        lambda _, pod: pod.reason == "Evicted" and _OWN_STORAGE.search(pod.message) is not None,
        lambda _, pod: f"{pod.message.strip()} {_STORAGE_HINT}",
    ),
    # The node gave the pod up: nothing that the strategy did.
    (FailureReason.EVICTED, lambda _, pod: pod.reason == "Evicted", lambda _, pod: pod.message),
    (FailureReason.UNEXPECTED_ADMISSION, lambda _, pod: pod.reason in _ADMISSION_REASONS, lambda _, pod: pod.message),
    (
        FailureReason.PREEMPTED,
        lambda _, pod: pod.reason in _PREEMPTING or pod.disruption in _PREEMPTING,
        lambda _, pod: pod.message or "preempted by a pod of higher priority",
    ),
    (FailureReason.NODE_LOST, lambda _, pod: pod.reason == "NodeLost", lambda _, pod: pod.message),
    (FailureReason.EVICTED, lambda _, pod: pod.disruption is not None, lambda _, pod: f"disrupted: {pod.disruption}"),
    # The engine's container was killed or could not run the shim: the shim itself always exits 0.
    (
        FailureReason.OOM_KILLED,
        lambda _, pod: pod.engine.termination_reason == "OOMKilled" and bool(pod.engine.exit_code),
        lambda _, pod: f"the engine's container was killed at its memory limit (exit code {pod.engine.exit_code})",
    ),
    (
        FailureReason.ENGINE_CRASH,
        lambda _, pod: bool(pod.engine.exit_code),
        lambda _, pod: (
            f"the engine's container ended with exit code {pod.engine.exit_code}: "
            f"{pod.engine.termination_reason or 'no reason given'}"
        ),
    ),
    # The engine ended; the recorder did not say what.
    (
        FailureReason.RECORDER_GAVE_UP,
        lambda _, pod: pod.recorder.exit_code == wire.RECORDER_EXIT_GAVE_UP,
        lambda _, pod: f"the recorder gave up: {pod.recorder.termination_message or 'no message'}",
    ),
    (
        FailureReason.RECORDER_ERROR,
        lambda _, pod: bool(pod.recorder.exit_code),
        lambda _, pod: (
            f"the recorder ended with exit code {pod.recorder.exit_code} and no outcome: "
            f"{pod.recorder.termination_message or pod.recorder.termination_reason or 'no message'}"
        ),
    ),
)


def classify_failure(job: SeenJob, pod: SeenPod | None, pack: PackRecord) -> tuple[FailureReason, str]:
    """Classify the failure of a Job without an outcome. `pod` is its newest pod, or None if it is gone."""
    if job.reason == "DeadlineExceeded":
        return _classify_deadline(job, pod, pack)
    if pod is None:
        return FailureReason.NODE_LOST, "the Job failed and its pod is gone: the cause is not known"
    for reason, matches, message in _RULES:
        if matches(job, pod):
            return reason, message(job, pod)
    return FailureReason.RESULT_MISSING, "the Job failed, and neither its pod nor a recorder reports why"


def _classify_deadline(job: SeenJob, pod: SeenPod | None, pack: PackRecord) -> tuple[FailureReason, str]:
    """Classify the Job's own deadline, which deletes the pod. The wait for a node is not the backtest's fault."""
    started_at = pack.engine_started_at or (pod.engine.started_at if pod else None)
    if started_at is None:
        waited = pod.unschedulable if pod else None
        return FailureReason.UNSCHEDULABLE, waited or "no engine had started when the Job's deadline passed"
    if started_at > pack.start_deadline_at:
        return FailureReason.UNSCHEDULABLE, "it waited so long for a node that its run met the Job's deadline"
    if pod is not None and pod.recorder.started_at is not None:
        return FailureReason.RECORDER_GAVE_UP, "the Job's deadline passed while its recorder still tried"
    return FailureReason.DEADLINE_EXCEEDED, job.message or "the Job's deadline passed"


def position_of(pod: SeenPod | None) -> int | None:
    """Return which member ran when the engine's container was killed as a whole, as its last word says; None if unknown."""
    said = _POSITION.fullmatch((pod.engine.termination_message or "").strip()) if pod else None
    return int(said.group(1)) if said else None

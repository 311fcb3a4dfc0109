"""Why an attempt failed: the closed set of reasons, and whether another attempt follows."""

from enum import StrEnum, unique


@unique
class Policy(StrEnum):
    """What follows a failed attempt."""

    FINAL = "final"
    """The same combination would fail again, so the backtest is failed."""
    ONCE_MORE = "once_more"
    """One more charged attempt follows, then it is final."""
    UNCHARGED = "uncharged"
    """The combination is not the cause: another attempt without charge follows, up to a bound."""
    NOT_TRIED = "not_tried"
    """Nothing of it ran: it is queued again, neither charged nor counted as uncharged."""
    WAIT = "wait"
    """Nothing was tried yet: the attempt continues to wait."""


@unique
class FailureReason(StrEnum):
    """The reason that is stored on an attempt and shown everywhere. These strings are API."""

    ENGINE_ERROR = "EngineError"
    RUNTIME_ERROR = "RuntimeError"
    INITIALIZE_ERROR = "InitializeError"
    INVALID_COMBINATION = "InvalidCombination"
    NO_DATA = "NoData"
    STOPPED_BY_STRATEGY = "StoppedByStrategy"
    STORAGE_LIMIT_EXCEEDED = "StorageLimitExceeded"
    ENGINE_CRASH = "EngineCrash"
    RESULT_MISSING = "ResultMissing"
    RESULT_INVALID = "ResultInvalid"
    RECORDER_ERROR = "RecorderError"
    RECORDER_NOT_STARTED = "RecorderNotStarted"
    RECORDER_GAVE_UP = "RecorderGaveUp"
    OOM_KILLED = "OOMKilled"
    BACKTEST_TIMEOUT = "BacktestTimeout"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    START_TIMEOUT = "StartTimeout"
    UNSCHEDULABLE = "Unschedulable"
    QUOTA_EXCEEDED = "QuotaExceeded"
    EVICTED = "Evicted"
    PREEMPTED = "Preempted"
    NODE_LOST = "NodeLost"
    JOB_VANISHED = "JobVanished"
    UNEXPECTED_ADMISSION = "UnexpectedAdmission"
    NOT_BEGUN = "NotBegun"
    CANCELLED = "Cancelled"


POLICIES: dict[FailureReason, Policy] = {
    FailureReason.ENGINE_ERROR: Policy.FINAL,
    FailureReason.RUNTIME_ERROR: Policy.FINAL,
    FailureReason.INITIALIZE_ERROR: Policy.FINAL,
    FailureReason.INVALID_COMBINATION: Policy.FINAL,
    FailureReason.NO_DATA: Policy.FINAL,
    FailureReason.STOPPED_BY_STRATEGY: Policy.FINAL,
    FailureReason.STORAGE_LIMIT_EXCEEDED: Policy.FINAL,
    FailureReason.ENGINE_CRASH: Policy.ONCE_MORE,
    FailureReason.RESULT_MISSING: Policy.ONCE_MORE,
    FailureReason.RESULT_INVALID: Policy.ONCE_MORE,
    FailureReason.RECORDER_ERROR: Policy.ONCE_MORE,
    FailureReason.RECORDER_NOT_STARTED: Policy.UNCHARGED,
    FailureReason.RECORDER_GAVE_UP: Policy.UNCHARGED,
    FailureReason.OOM_KILLED: Policy.ONCE_MORE,
    FailureReason.BACKTEST_TIMEOUT: Policy.FINAL,
    FailureReason.DEADLINE_EXCEEDED: Policy.FINAL,
    FailureReason.START_TIMEOUT: Policy.FINAL,
    FailureReason.UNSCHEDULABLE: Policy.WAIT,
    FailureReason.QUOTA_EXCEEDED: Policy.WAIT,
    FailureReason.EVICTED: Policy.UNCHARGED,
    FailureReason.PREEMPTED: Policy.UNCHARGED,
    FailureReason.NODE_LOST: Policy.UNCHARGED,
    FailureReason.JOB_VANISHED: Policy.UNCHARGED,
    FailureReason.UNEXPECTED_ADMISSION: Policy.UNCHARGED,
    FailureReason.NOT_BEGUN: Policy.NOT_TRIED,
    FailureReason.CANCELLED: Policy.FINAL,
}

DETERMINISTIC = frozenset(
    {
        FailureReason.ENGINE_ERROR,
        FailureReason.RUNTIME_ERROR,
        FailureReason.INITIALIZE_ERROR,
        FailureReason.INVALID_COMBINATION,
        FailureReason.NO_DATA,
        FailureReason.STORAGE_LIMIT_EXCEEDED,
    }
)
"""Reasons that depend on the strategy and its data alone: the same one on the first backtests of a batch ends it.

`STOPPED_BY_STRATEGY` is not among them: a strategy may quit to skip a combination that is not worth its time, and the first
combinations are neighbours, which are skipped together while others are not.
"""

NEVER_STARTED = frozenset({FailureReason.START_TIMEOUT, FailureReason.UNSCHEDULABLE, FailureReason.QUOTA_EXCEEDED})
"""Reasons of an attempt whose engine did not start in its time: some in a row end a batch."""

OF_CONTAINER = frozenset(
    {
        FailureReason.OOM_KILLED,
        FailureReason.ENGINE_CRASH,
        FailureReason.RESULT_MISSING,
        FailureReason.RECORDER_ERROR,
        FailureReason.DEADLINE_EXCEEDED,
        FailureReason.STORAGE_LIMIT_EXCEEDED,
    }
)
"""Reasons of a pod that died of what ran in it: in a pack, one member can be the cause for all."""

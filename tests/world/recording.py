"""Records an outcome for a fake pod, by the recorder's own code on files as the engine `noop` and the shim leave them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest
from backfleet.core.packs import PackRequest
from backfleet.core.reasons import FailureReason
from backfleet.engines import noop
from backfleet.engines.program import EXIT_ERROR, write_error
from backfleet.engines.reports import MEMBER_REPORT, PACK_REPORT
from backfleet.recorder.appending import Answer, Append, OutcomeRow, Reply, append_rows
from backfleet.recorder.main import MONOTONIC
from backfleet.recorder.main import run as run_recorder
from tests.world.fates import Fate, MemberRun
from tests.world.kinds import Json
from tests.world.pod_environment import environment_of

KILLED, TIMED_OUT, CRASHED = 137, 124, 139
PATIENT_SECONDS = 120.0
"""A server that is only slow is not away."""


@dataclass(frozen=True)
class Ending:
    """How the recorder's container ended."""

    exit_code: int
    message: str


@dataclass(frozen=True)
class Recorder:
    """Has the rights of production's recorder at this URL."""

    database_url: str

    def record(self, pod: Json, fate: Fate, runs: Sequence[MemberRun]) -> Ending:
        """Offer the outcomes once; exit code 4 when Postgres does not answer, as from a recorder whose patience is over.

        A recorder that crashes has recorded about half of its members, as if each had its own transaction.
        """
        with TemporaryDirectory(prefix="backfleet-world-") as name:
            folder, last_word = Path(name) / "results", Path(name) / "last-word"
            folder.mkdir()
            environment = environment_of(pod, wire.CONTAINER_RECORDER) | {
                wire.ENV_RESULTS_PATH: str(folder),
                wire.ENV_TERMINATION_LOG: str(last_word),
                wire.ENV_RECORDER_DATABASE_URL: self.database_url,
                wire.ENV_RECORDER_PATIENCE: "0",
            }
            requests = list(PackRequest.from_json(environment[wire.ENV_PACK]).requests)
            for position, (request, run) in enumerate(zip(requests, runs, strict=False)):
                own = folder / str(position)
                own.mkdir()
                leave_files(own, request, run)
            (folder / wire.SHIM_PACK_FILE).write_text(PACK_REPORT % len(runs))
            half = (len(requests) + 1) // 2 if fate is Fate.RECORDER_CRASHES else len(requests)
            try:
                code = run_recorder(environment, _first_of(half), MONOTONIC)
            except _Crashed:
                return Ending(CRASHED, "")
            return Ending(code, last_word.read_text() if last_word.exists() else "")


class _Crashed(BaseException):
    """The recorder's process is gone."""


def _first_of(count: int) -> Append:
    """Return how the first outcomes are appended; the recorder crashes when it has more."""

    def append(url: str, rows: Sequence[OutcomeRow]) -> Reply:
        reply = append_rows(url, rows[:count], PATIENT_SECONDS)
        if reply.answer is not Answer.AWAY and len(rows) > count:
            raise _Crashed
        return reply

    return append


def leave_files(folder: Path, request: BacktestRequest, run: MemberRun) -> None:
    """Leave in the folder of a member what the engine and the shim leave there."""
    code, kills = 0, 0
    moments = [int(1000 * each.timestamp()) for each in (run.started, run.finished)]
    ran = moments[1] - moments[0]
    limit = 86_400_000
    if run.fate is Fate.OOM_IN_ENGINE:
        code, kills = KILLED, 1
    elif run.fate is Fate.TIMES_OUT:
        code, limit = TIMED_OUT, ran
    elif run.fate is Fate.FAILS:
        code = EXIT_ERROR
        write_error(folder, FailureReason.ENGINE_ERROR, "the plan of the fake kubelet wants it")
    else:
        noop.leave_result(folder, "ok", noop.run(_as_noop(request)))
    (folder / wire.SHIM_EXIT_FILE).write_text(MEMBER_REPORT % (code, *moments, kills, 0, ran, limit))


def _as_noop(request: BacktestRequest) -> BacktestRequest:
    """Return the same for the engine `noop`, whose results `bars` could have left too."""
    return (
        request if request.strategy == noop.STRATEGY else replace(request, strategy=noop.STRATEGY, parameter_texts={})
    )

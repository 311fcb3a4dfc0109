"""Records an outcome for a fake pod, by the recorder's own code on files as the engine `noop` and the shim leave them."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest
from backfleet.core.packs import PackRequest
from backfleet.core.reasons import FailureReason
from backfleet.engines import noop
from backfleet.engines.program import EXIT_ERROR, write_error
from backfleet.engines.reports import MEMBER_REPORT, PACK_REPORT
from backfleet.recorder.appending import append_rows
from backfleet.recorder.main import MONOTONIC, run
from tests.world.fates import Fate
from tests.world.kinds import Json
from tests.world.pod_environment import environment_of

KILLED = 137


@dataclass(frozen=True)
class Ending:
    """How the recorder's container ended."""

    exit_code: int
    message: str


@dataclass(frozen=True)
class Recorder:
    """Has the rights of production's recorder at this URL."""

    database_url: str

    def record(self, pod: Json, fate: Fate, started: datetime, finished: datetime) -> Ending:
        """Offer the outcome once; exit code 4 when Postgres does not answer, as from a recorder whose patience is over."""
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
            begun = (len(requests) + 1) // 2 if fate is Fate.TIME_IS_OVER else len(requests)
            for position, request in enumerate(requests[:begun]):
                own = folder / str(position)
                own.mkdir()
                leave_files(own, request, fate, started, finished)
            (folder / wire.SHIM_PACK_FILE).write_text(PACK_REPORT % begun)
            code = run(environment, append_rows, MONOTONIC)
            return Ending(code, last_word.read_text() if last_word.exists() else "")


def leave_files(folder: Path, request: BacktestRequest, fate: Fate, started: datetime, finished: datetime) -> None:
    """Leave in the folder of a member what the engine and the shim leave there."""
    code, kills = 0, 0
    if fate is Fate.OOM_IN_ENGINE:
        code, kills = KILLED, 1
    elif fate is Fate.FAILS:
        code = EXIT_ERROR
        write_error(folder, FailureReason.ENGINE_ERROR, "the plan of the fake kubelet wants it")
    else:
        noop.leave_result(folder, "ok", noop.run(_as_noop(request)))
    moments = [int(1000 * each.timestamp()) for each in (started, finished)]
    report = MEMBER_REPORT % (code, *moments, kills, 0, moments[1] - moments[0], 86_400_000)
    (folder / wire.SHIM_EXIT_FILE).write_text(report)


def _as_noop(request: BacktestRequest) -> BacktestRequest:
    """Return the same for the engine `noop`, whose results `bars` could have left too."""
    return (
        request if request.strategy == noop.STRATEGY else replace(request, strategy=noop.STRATEGY, parameter_texts={})
    )

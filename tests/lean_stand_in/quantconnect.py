"""A small imitation of the names of LEAN that the driver of warm packs calls, with what a backtest leaves in them.

A run refuses to begin if anything of the one before is still there: each reset that the driver forgets is a failure.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .arguments import read_configuration
from .dotnet import Action, AutoResetEvent, BlockingCollection
from .results import Run
from .scenarios import begin, run_algorithm, select
from .writing import Writer

left: set[str] = set()
"""What the backtest before left behind."""


class KeptState(Exception):
    """The state of LEAN was not reset."""


class Config:
    """LEAN's configuration. It keeps what it has read until it is reset."""

    _path = Path()
    _values: Mapping[str, Any] = {}

    @classmethod
    def SetConfigurationFile(cls, path: str) -> None:
        cls._path = Path(path)

    @classmethod
    def Reset(cls) -> None:
        cls._values = read_configuration(cls._path) or {}

    @classmethod
    def Get(cls, key: str, default: str = "") -> str:
        return str(cls._values.get(key, default))


class Globals:
    DataFolder = ""
    LiveMode = False

    @classmethod
    def Reset(cls) -> None:
        cls.DataFolder = Config.Get("data-folder")


class _Cache:
    """A cache of LEAN: whatever resets it."""

    @classmethod
    def _reset(cls) -> None:
        left.discard(cls.__name__)


class Composer(_Cache):
    Instance: "Composer"

    def Reset(self) -> None:
        self._reset()


Composer.Instance = Composer()


class SymbolCache(_Cache):
    @classmethod
    def Clear(cls) -> None:
        cls._reset()


class TextSubscriptionDataSourceReader(_Cache):
    @classmethod
    def ClearCache(cls) -> None:
        cls._reset()


class PythonInitializer(_Cache):
    @classmethod
    def ResetAlgorithmLocationPath(cls) -> None:
        cls._reset()


class MarketOnCloseOrder:
    DefaultSubmissionTimeBuffer = 15.5
    SubmissionTimeBuffer = 15.5


class QCAlgorithm:
    PRIVATE: tuple[str, ...] = ("_universeCount",)
    _universeCount = 0


class InterestRateProvider:
    PRIVATE = ("_riskFreeRateProvider",)
    _riskFreeRateProvider: object = None


class LocalObjectStore:
    DefaultObjectStore = ""


class Entries(dict[str, str]):
    def Clear(self) -> None:
        self.clear()


class BaseSecurityDatabase:
    PRIVATE = ("Entries", "CustomEntries")
    current: Any = None

    def __init__(self) -> None:
        self.Entries = Entries({"Equity-usa-[*]": "as read"})
        self.CustomEntries = Entries()

    @classmethod
    def Reset(cls) -> None:
        cls.current = None

    @classmethod
    def FromDataFolder(cls) -> Any:
        cls.current = cls.current or cls()
        return cls.current


class MarketHoursDatabase(BaseSecurityDatabase):
    """The exchanges' hours."""


class SymbolPropertiesDatabase(BaseSecurityDatabase):
    """The properties of symbols."""


class WorkerThread:
    PRIVATE = (
        "_blockingCollection", "_threadCancellationTokenSource", "_workerThread", "<FinishedWorkItem>k__BackingField",
    )  # fmt: skip
    _blockingCollection: BlockingCollection


class ConsoleLogHandler:
    def Dispose(self) -> None:
        left.discard("Log")


class Log:
    LogHandler = ConsoleLogHandler()

    @staticmethod
    def Error(words: str) -> None:
        print(f"ERROR:: {words}", flush=True)


class Handlers:
    def Dispose(self) -> None:
        """Do nothing."""


class AlgorithmManager:
    def __init__(self, is_live: bool, job: object) -> None:
        self.State = "Running"


class Backtest:
    """The one that runs: what the handlers of LEAN share."""

    now: Run
    writer: Writer


class LeanManager:
    def Initialize(self, system: object, handlers: object, job: object, manager: object) -> None:
        """Do nothing."""


class JobQueue:
    def NextJob(self, out: str) -> tuple[Path, str]:
        job = select(Backtest.now, Backtest.writer)
        return job, str(job)

    def AcknowledgeJob(self, job: object) -> None:
        """Do nothing."""


class System(Handlers):
    LeanManager, JobQueue = LeanManager(), JobQueue()


class Initializer:
    @staticmethod
    def Start() -> None:
        if left:
            raise KeptState(f"of the backtest before: {', '.join(sorted(left))}")
        left.add("Log")
        Backtest.now, Backtest.writer = begin(Config._values)

    @staticmethod
    def GetSystemHandlers() -> System:
        return System()

    @staticmethod
    def GetAlgorithmHandlers() -> Handlers:
        return Handlers()


class Engine:
    def __init__(self, system: object, handlers: object, is_live: bool) -> None:
        self._code = 1

    def Run(self, job: Path, manager: AlgorithmManager, assembly: str, worker: WorkerThread) -> None:
        check_is_new()
        done: AutoResetEvent = getattr(worker, "<FinishedWorkItem>k__BackingField")

        def work() -> None:
            leave_state()
            self._code = run_algorithm(Backtest.now, Backtest.writer, job)

        worker._blockingCollection.Add(Action(work))
        done.WaitOne()
        manager.State = "RuntimeError" if self._code else "Completed"


def databases() -> list[Any]:
    return [MarketHoursDatabase.current, SymbolPropertiesDatabase.current]


def check_is_new() -> None:
    """Raise KeptState if any value is not that of a new process."""
    found = {
        "SubmissionTimeBuffer": MarketOnCloseOrder.SubmissionTimeBuffer != 15.5,
        "_universeCount": QCAlgorithm._universeCount != 0,
        "_riskFreeRateProvider": InterestRateProvider._riskFreeRateProvider is not None,
        "object store": LocalObjectStore.DefaultObjectStore != Config.Get("object-store-root"),
        "stored": Path(LocalObjectStore.DefaultObjectStore).exists(),
        "Entries": any(each is None or len(each.Entries) != 1 or each.CustomEntries for each in databases()),
    }
    kept = [name for name, is_kept in found.items() if is_kept]
    if kept:
        raise KeptState(f"of the backtest before: {', '.join(kept)}")


def leave_state() -> None:
    """Leave what every backtest leaves in LEAN."""
    left.update(each.__name__ for each in _Cache.__subclasses__())
    MarketOnCloseOrder.SubmissionTimeBuffer = 1.0
    QCAlgorithm._universeCount += 1
    InterestRateProvider._riskFreeRateProvider = object()
    Path(LocalObjectStore.DefaultObjectStore).mkdir(parents=True)
    for each in databases():
        each.Entries["Equity-usa-OWN"] = "of a backtest"
        each.CustomEntries["OWN"] = "of a backtest"

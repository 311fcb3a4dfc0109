"""Runs one LEAN backtest after the other in one process. LEAN's launcher imports this as if it were the algorithm.

Each backtest runs as the launcher's Program.Main would run it. This package needs LEAN's names and the standard library of the
image's Python 3.11 alone. It was written for LEAN 24863901d, and looks for the private names that it needs before it begins.
"""

import json
import os
import shutil
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Any, NoReturn

from .channel import MAX_WORDS, Channel, resident_mib
from .python_state import PythonState

CODE_UNFIT, CODE_FAILED = 76, 70
"""Exit codes: LEAN lacks a name that is needed here; an error of this package."""
LEFT_RUNNING_SECONDS = 2.0
"""How long a backtest's threads may take to end after it."""
POOLS = (".NET", "dotnet-", "WeightedWork")
"""Beginnings of the names of threads that .NET and LEAN keep for all backtests of a process."""

SETTINGS = json.loads(os.environ.pop("BACKFLEET_WARM_PROCESS"))
CHANNEL = Channel(SETTINGS["orders"], SETTINGS["events"])

try:
    import AlgorithmImports  # noqa: F401 (what every project imports, and what takes long)
    import clr
    from System import GC, Action
    from System.Collections.Concurrent import BlockingCollection
    from System.Reflection import BindingFlags
    from System.Runtime.CompilerServices import RuntimeHelpers
    from System.Threading import AutoResetEvent, CancellationTokenSource, Thread, ThreadStart

    for _name in (
        "QuantConnect.Common",
        "QuantConnect.Configuration",
        "QuantConnect.Logging",
        "QuantConnect.Lean.Engine",
    ):
        clr.AddReference(_name)
    from QuantConnect import Globals, SymbolCache
    from QuantConnect.Algorithm import QCAlgorithm
    from QuantConnect.Configuration import Config
    from QuantConnect.Data import InterestRateProvider
    from QuantConnect.Lean.Engine import AlgorithmManager, Engine, Initializer
    from QuantConnect.Lean.Engine.DataFeeds import TextSubscriptionDataSourceReader
    from QuantConnect.Lean.Engine.Storage import LocalObjectStore
    from QuantConnect.Logging import ConsoleLogHandler, Log
    from QuantConnect.Orders import MarketOnCloseOrder
    from QuantConnect.Python import PythonInitializer
    from QuantConnect.Securities import MarketHoursDatabase, SymbolPropertiesDatabase
    from QuantConnect.Util import Composer, WorkerThread
except Exception as _error:  # noqa: BLE001 (.NET's own exceptions too)
    CHANNEL.leave(CODE_UNFIT, f"a name of LEAN is missing: {type(_error).__name__}: {_error}")

ANY = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static
WORKER_FIELDS = (
    "_blockingCollection",
    "_threadCancellationTokenSource",
    "_workerThread",
    "<FinishedWorkItem>k__BackingField",
)
STATIC_FIELDS: tuple[tuple[Any, str, Any], ...] = (
    (QCAlgorithm, "_universeCount", 0),
    # Otherwise only the first backtest of a process reads the file with the interest rates.
    (InterestRateProvider, "_riskFreeRateProvider", None),
)
DATABASES = (MarketHoursDatabase, SymbolPropertiesDatabase)
DATABASE_PROPERTIES = ("Entries", "CustomEntries")


def missing_names() -> list[str]:
    """Return the private names that this LEAN does not have."""
    fields = [(WorkerThread, name) for name in WORKER_FIELDS] + [(kind, name) for kind, name, _ in STATIC_FIELDS]
    missing = [f"{kind.__name__}.{name}" for kind, name in fields if clr.GetClrType(kind).GetField(name, ANY) is None]
    for kind in DATABASES:
        base = clr.GetClrType(kind).BaseType
        missing += [f"{kind.__name__}.{name}" for name in DATABASE_PROPERTIES if base.GetProperty(name, ANY) is None]
    return missing


class Database:
    """LEAN's market hours or symbol properties: their entries as read, since reading them again takes a second or more."""

    def __init__(self, kind: Any) -> None:  # noqa: ANN401 (a type of .NET)
        self.kind, self.folder, self.base = kind, None, clr.GetClrType(kind).BaseType

    def restore(self) -> None:
        """Put the entries back that the data folder has."""
        entries = self.base.GetProperty("Entries", ANY)
        if self.folder != Globals.DataFolder:
            self.kind.Reset()
            self.folder, self.database = Globals.DataFolder, self.kind.FromDataFolder()
            self.entries = entries.GetValue(self.database)
        entries.SetValue(self.database, type(self.entries)(self.entries))
        self.base.GetProperty("CustomEntries", ANY).GetValue(self.database).Clear()


class MainThreadWorker:
    """LEAN's worker, served by Python's main thread: a project runs there when it has a process of its own."""

    def __init__(self) -> None:
        self.jobs: tuple[Any, Any] | None = None
        self.idle = threading.Event()

    def for_lean(self) -> Any:  # noqa: ANN401 (an object of .NET)
        """Return a WorkerThread whose own thread has ended already, so that its queue is ours to serve."""
        ended = Thread(ThreadStart(lambda: None))
        ended.Start()
        ended.Join()
        jobs, done = BlockingCollection[Action](), AutoResetEvent(False)
        kind = clr.GetClrType(WorkerThread)
        worker = RuntimeHelpers.GetUninitializedObject(kind)
        for name, value in zip(WORKER_FIELDS, (jobs, CancellationTokenSource(), ended, done), strict=True):
            kind.GetField(name, ANY).SetValue(worker, value)
        self.jobs = (jobs, done)
        return worker

    def serve(self) -> NoReturn:
        """Run the work of all backtests, until the process ends."""
        while True:
            self.idle.set()
            if self.jobs is None:
                time.sleep(0.02)
                continue
            jobs, done = self.jobs
            found, action = jobs.TryTake(None, 20)
            if found:
                self.idle.clear()
                done.Reset()
                try:
                    action.Invoke()
                except BaseException as error:  # noqa: BLE001 (a project may raise anything, and the next one runs here too)
                    Log.Error(f"warm driver: {error!r}")
                done.Set()


def reset_lean(config: str) -> None:
    """Forget what the backtest before left in LEAN, and take the configuration of the next one."""
    Config.SetConfigurationFile(config)
    Config.Reset()
    Globals.Reset()
    Composer.Instance.Reset()
    SymbolCache.Clear()
    TextSubscriptionDataSourceReader.ClearCache()
    PythonInitializer.ResetAlgorithmLocationPath()
    MarketOnCloseOrder.SubmissionTimeBuffer = MarketOnCloseOrder.DefaultSubmissionTimeBuffer
    for kind, name, value in STATIC_FIELDS:
        clr.GetClrType(kind).GetField(name, ANY).SetValue(None, value)
    LocalObjectStore.DefaultObjectStore = os.path.abspath(Config.Get("object-store-root", "./storage"))
    shutil.rmtree(LocalObjectStore.DefaultObjectStore, ignore_errors=True)


def run(config: str, worker: MainThreadWorker, databases: tuple[Database, ...]) -> str:
    """Run one backtest as Program.Main of the launcher runs it, and return LEAN's last state of it."""
    reset_lean(config)
    system = handlers = None
    try:
        Initializer.Start()
        for database in databases:
            database.restore()
        system = Initializer.GetSystemHandlers()
        job, assembly = system.JobQueue.NextJob("")
        handlers = Initializer.GetAlgorithmHandlers()
        manager = AlgorithmManager(Globals.LiveMode, job)
        system.LeanManager.Initialize(system, handlers, job, manager)
        Engine(system, handlers, Globals.LiveMode).Run(job, manager, assembly, worker.for_lean())
        system.JobQueue.AcknowledgeJob(job)
        return str(manager.State)
    finally:
        for part in (system, handlers, Log.LogHandler):
            if part is not None:
                part.Dispose()
        Log.LogHandler = ConsoleLogHandler()


def threads() -> Counter[Any]:
    """Return the process's threads by their names, and Python's by their identity, without the pools."""
    found: Counter[Any] = Counter(
        thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)
    )
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/comm", encoding="utf-8", errors="replace") as file:
                name = file.read().strip()
        except OSError:
            continue
        found[name] += not name.startswith(POOLS)
    return found


def left_running(worker: MainThreadWorker, before: Counter[Any]) -> str:
    """Return what still runs two seconds after the end of a backtest, in words; empty if nothing does."""
    deadline = time.monotonic() + LEFT_RUNNING_SECONDS
    while True:
        extra = threads() - before
        if worker.idle.is_set() and not extra:
            return ""
        if time.monotonic() > deadline:
            return ", ".join(map(str, extra))[:MAX_WORDS] or "the algorithm's own thread"
        time.sleep(0.05)


def flush_streams() -> None:
    """Write what is said and not written yet: the supervisor may end the process at once."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def run_all(worker: MainThreadWorker) -> None:
    databases = tuple(map(Database, DATABASES))
    state, before = PythonState(), threads()
    CHANNEL.send("ready")
    for order in CHANNEL.orders():
        CHANNEL.send("begin", position=order["position"])
        ended, error = "", ""
        try:
            ended = run(order["config"], worker, databases)
        except BaseException as problem:  # noqa: BLE001 (.NET's exceptions are Python's here)
            error = f"{type(problem).__name__}: {problem}"
            # What the launcher of its own process would end with.
            os.write(2, f"Unhandled exception. {error}\n".encode(errors="replace"))
        left = left_running(worker, before)
        if resident_mib() > SETTINGS["memory_mib"] * 2 // 3:
            GC.Collect()
        flush_streams()
        CHANNEL.send("end", position=order["position"], state=ended, error=error[:MAX_WORDS], left=left)
        state.restore()
        CHANNEL.send("ready")
    os._exit(0)


def drive(worker: MainThreadWorker) -> None:
    """Run what the supervisor orders. Whatever goes wrong here ends the process."""
    try:
        missing = missing_names()
        if missing:
            CHANNEL.leave(CODE_UNFIT, f"names of LEAN are missing: {', '.join(missing)}")
        run_all(worker)
    except BaseException as error:  # noqa: BLE001 (a thread that ends would leave a process that waits for ever)
        CHANNEL.leave(CODE_FAILED, f"{type(error).__name__}: {error}")


def main() -> NoReturn:
    """Run what the supervisor orders, until it closes the pipe."""
    worker = MainThreadWorker()
    threading.Thread(target=drive, args=(worker,), daemon=True).start()
    worker.serve()

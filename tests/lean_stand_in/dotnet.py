"""A small imitation of the names of .NET that the driver of warm packs uses. Installed as modules, as pythonnet does it."""

import queue
import sys
import threading
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


class Action:
    """A delegate."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def Invoke(self) -> None:
        self._function()


class GC:
    """The garbage collector."""

    @staticmethod
    def Collect() -> None:
        """Do nothing."""


class BlockingCollection:
    """A queue, with its type in brackets."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Action] = queue.Queue()

    def __class_getitem__(cls, item: object) -> type:
        return cls

    def Add(self, action: Action) -> None:
        self._queue.put(action)

    def TryTake(self, out: None, milliseconds: int) -> tuple[bool, Action | None]:
        try:
            return True, self._queue.get(timeout=milliseconds / 1000)
        except queue.Empty:
            return False, None


class BindingFlags:
    Public, NonPublic, Instance, Static = 16, 32, 4, 8


class AutoResetEvent:
    def __init__(self, is_set: bool) -> None:
        self._event = threading.Event()

    def Set(self) -> None:
        self._event.set()

    def Reset(self) -> None:
        self._event.clear()

    def WaitOne(self) -> None:
        self._event.wait()


class CancellationTokenSource:
    """Something that can be cancelled."""


class Thread:
    def __init__(self, function: Callable[[], object]) -> None:
        self._thread = threading.Thread(target=function)

    def Start(self) -> None:
        self._thread.start()

    def Join(self) -> None:
        self._thread.join()


class RuntimeHelpers:
    @staticmethod
    def GetUninitializedObject(kind: "Reflected") -> object:
        return object.__new__(kind.type)


class Member:
    """A field or a property by reflection."""

    def __init__(self, kind: type, name: str) -> None:
        self._kind, self._name = kind, name

    def GetValue(self, instance: object) -> object:
        return getattr(self._kind if instance is None else instance, self._name)

    def SetValue(self, instance: object, value: object) -> None:
        setattr(self._kind if instance is None else instance, self._name, value)


class Reflected:
    """A type by reflection: `PRIVATE` of a class has the names that are found there."""

    def __init__(self, kind: type) -> None:
        self.type = kind

    @property
    def BaseType(self) -> "Reflected":
        return Reflected(self.type.__bases__[0])

    def GetField(self, name: str, flags: int) -> Member | None:
        return Member(self.type, name) if name in vars(self.type).get("PRIVATE", ()) else None

    GetProperty = GetField


MODULES: Mapping[str, Mapping[str, Any]] = {
    "AlgorithmImports": {},
    "clr": {"AddReference": lambda name: None, "GetClrType": Reflected},
    "System": {"Action": Action, "GC": GC},
    "System.Collections.Concurrent": {"BlockingCollection": BlockingCollection},
    "System.Reflection": {"BindingFlags": BindingFlags},
    "System.Runtime.CompilerServices": {"RuntimeHelpers": RuntimeHelpers},
    "System.Threading": {
        "AutoResetEvent": AutoResetEvent,
        "CancellationTokenSource": CancellationTokenSource,
        "Thread": Thread,
        "ThreadStart": lambda function: function,
    },
}


def install(modules: Mapping[str, Mapping[str, Any]]) -> None:
    """Make modules with these names importable."""
    for name, names in modules.items():
        module = sys.modules[name] = ModuleType(name)
        vars(module).update(names)

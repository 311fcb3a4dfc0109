"""The state of the Python interpreter that backtests in one process share, and how it becomes again what it was."""

import builtins
import gc
import importlib
import logging
import os
import random
import sys
import time
import warnings
from types import ModuleType

PACKAGES = (
    os.path.dirname(os.path.realpath(os.__file__)) + "/",
    "/usr/lib/python3/",
    "/usr/local/lib/python3",
    *(os.path.realpath(path) + "/" for path in sys.path if path.endswith(("site-packages", "dist-packages"))),
)
"""Where the modules of the image are."""
OWN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""LEAN puts the folder of the algorithm's file on Python's path: here, the one around this package."""


class PythonState:
    """What a project can change in the interpreter, as it was before the first one."""

    def __init__(self) -> None:
        sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != OWN_FOLDER]
        self.modules, self.path, self.builtins = set(sys.modules), list(sys.path), dict(vars(builtins))
        self.environment, self.folder = dict(os.environ), os.getcwd()
        self.streams, self.recursion = (sys.stdin, sys.stdout, sys.stderr), sys.getrecursionlimit()
        self.filters = list(warnings.filters)
        self.handlers, self.level = list(logging.root.handlers), logging.root.level
        gc.collect()
        # So that the collection after a backtest looks at that backtest's objects only.
        gc.freeze()

    def restore(self) -> None:
        """Undo what a project changed, as far as it can be known."""
        for name, module in list(sys.modules.items()):
            if name not in self.modules and not is_package(module):
                del sys.modules[name]
        sys.path[:] = self.path
        sys.path_importer_cache.clear()
        importlib.invalidate_caches()
        if dict(os.environ) != self.environment:
            os.environ.clear()
            os.environ.update(self.environment)
            time.tzset()
        os.chdir(self.folder)
        self._restore_streams()
        for name in set(vars(builtins)) - set(self.builtins):
            delattr(builtins, name)
        vars(builtins).update(self.builtins)
        sys.setrecursionlimit(self.recursion)
        sys.settrace(None)
        sys.setprofile(None)
        warnings.filters[:] = self.filters  # type: ignore[index]
        logging.captureWarnings(False)
        logging.root.handlers[:] = self.handlers
        logging.root.setLevel(self.level)
        # From the system, as in a new process.
        random.seed()
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()
        gc.collect()

    def _restore_streams(self) -> None:
        if getattr(sys.stdout, "name", None) == os.devnull and sys.stdout is not self.streams[1]:
            # LEAN opens one for every algorithm.
            sys.stdout.close()
        sys.stdin, sys.stdout, sys.stderr = self.streams


def is_package(module: ModuleType) -> bool:
    """Report whether a module belongs to the image: extensions such as numpy's cannot be loaded twice."""
    place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return place is None or os.path.realpath(place).startswith(PACKAGES)

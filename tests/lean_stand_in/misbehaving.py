"""What the algorithm of a scenario does besides its run: end the process, never end, or leave traces in it."""

import builtins
import importlib
import json
import logging
import mmap
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

MEBIBYTE = 1024 * 1024
GROWTH_MEBIBYTES = 150
EXIT_CODE = 3
TRACE = "LEFT_BY_A_BACKTEST"


def misbehave(scenario: str) -> None:
    """Do what the scenario says in the middle of the run. Most of it never returns."""
    if scenario == "out_of_memory":
        ballast = []
        while True:
            # Filled by the kernel at once: page by page it takes seconds.
            ballast.append(
                mmap.mmap(-1, 256 * MEBIBYTE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
            )
    while scenario == "hang":
        time.sleep(3600)
    while scenario == "loop":
        pass
    if scenario == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if scenario == "exit":
        os._exit(EXIT_CODE)
    if scenario == "leaves_thread":
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    if scenario == "grows":
        setattr(json, TRACE, [*getattr(json, TRACE, []), b"\1" * (GROWTH_MEBIBYTES * MEBIBYTE)])


def traces_of_others(scenario: str, location: Path) -> int:
    """Leave traces as the scenario says, and count those that were there already: none in a process of its own."""
    if scenario == "sees_others":
        # An attribute of a module that belongs to the image: nothing can remove it.
        before = int(getattr(json, "runs", 0))
        json.runs = before + 1  # type: ignore[attr-defined]
        return before
    if scenario != "leaks":
        return 0
    sys.path.insert(0, str(location.parent))
    module: Any = importlib.import_module(location.stem)
    scratch = Path(tempfile.gettempdir(), TRACE)
    found = [
        hasattr(module, "runs"),
        hasattr(builtins, TRACE),
        TRACE in os.environ,
        sys.path.count(str(location.parent)) > 1,
        Path.cwd() == Path("/"),
        logging.root.level == 1,
        scratch.exists(),
    ]
    module.runs = 1
    setattr(builtins, TRACE, 1)
    os.environ[TRACE] = "1"
    os.chdir("/")
    logging.root.setLevel(1)
    scratch.touch()
    return sum(found)

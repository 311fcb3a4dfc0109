"""Runs the operator as a process: starts it, queries it, kills it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
PROGRAM = "from backfleet.controller.main import main; main()"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(what: str, holds: Callable[[], Any], seconds: float) -> Any:
    """Return the first true value of `holds`. Raise AssertionError if it has none in time."""
    until = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < until, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)
    return found


def program_environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without a cluster of its own, and with our sources."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("KUBE", "BACKFLEET_"))}
    return {**kept, "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT / 'api'}", **variables}


@dataclass
class OperatorProcess:
    """One process; its log is in a file."""

    process: subprocess.Popen[bytes]
    log_path: Path
    port: int

    @classmethod
    def start(cls, folder: Path, settings: dict[str, Any], **variables: str) -> "OperatorProcess":
        """Start it with a health port and a settings file of its own."""
        port = free_port()
        path, log_path = folder / f"settings-{port}.json", folder / f"log-{port}"
        path.write_text(json.dumps({**settings, "healthPort": port}))
        environment = program_environment(BACKFLEET_SETTINGS_FILE=str(path), **variables)
        with log_path.open("wb") as log:
            process = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stderr=log, cwd=ROOT)
        return cls(process, log_path, port)

    def ready(self) -> tuple[int, dict[str, Any]]:
        """Return what readiness answers: 0 while nobody does."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as reply:
                return reply.status, json.loads(reply.read())
        except HTTPError as error:
            return error.code, json.loads(error.read())
        except (URLError, OSError):
            assert self.process.poll() is None, f"it ended: {self.log()}"
            return 0, {}

    def metrics(self) -> list[str]:
        """Return the lines of /metrics."""
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as reply:
            return str(reply.read().decode()).splitlines()

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        wait_for(f"ready ({self.log_path})", lambda: self.ready()[0] == 200, seconds)

    def terminate(self, seconds: float) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Send SIGKILL. Safe to repeat."""
        self.process.kill()
        self.process.wait(10)

    def log(self) -> list[dict[str, Any]]:
        """Return its lines so far; each is one JSON object. The last one may be half written, and is left out."""
        whole, _, _ = self.log_path.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

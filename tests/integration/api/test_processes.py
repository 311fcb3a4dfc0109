"""The two commands as processes: signals, pipes, terminals, bad settings."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from tests.support.databases import Database
from tests.support.history import History

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "backfleet_client.main"]
SERVER = [sys.executable, "-m", "backfleet_api.main"]


def environment(**more: str) -> dict[str, str]:
    """Return what a process needs, and nothing that names a cluster or a database of the machine."""
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("operator", "api"))
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {"PYTHONPATH": paths, "PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **measured, **more}


@contextmanager
def running_server(**variables: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    given = environment(BACKFLEET_API_HOST="127.0.0.1", BACKFLEET_API_PORT=str(port), **variables)
    process = subprocess.Popen(SERVER, env=given, stderr=subprocess.PIPE, text=True)
    try:
        yield process, port
    finally:
        process.kill()
        process.communicate()


def await_status(port: int, path: str, status: int) -> None:
    give_up_at = time.monotonic() + 60
    while True:
        with suppress(httpx2.HTTPError):  # it is not up yet, or no more: the deadline decides
            if httpx2.get(f"http://127.0.0.1:{port}{path}", timeout=20, trust_env=False).status_code == status:
                return
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_server_answers_and_ends_cleanly(database: Database, stop: signal.Signals) -> None:
    with running_server(BACKFLEET_API_DATABASE_URL=database.api_url) as (process, port):
        await_status(port, "/health", 200)
        process.send_signal(stop)
        _, log = process.communicate(timeout=30)
    lines = [json.loads(line) for line in log.splitlines()]
    assert process.returncode == 0
    assert "stopped" in [line["message"] for line in lines]
    assert [line["path"] for line in lines if line["message"] == "request"][-1] == "/health"
    assert database.server.password not in log


def test_a_server_starts_without_its_database() -> None:
    with running_server(BACKFLEET_API_DATABASE_URL="postgresql://api@127.0.0.1:1/none") as (process, port):
        await_status(port, "/health/live", 200)
        await_status(port, "/health", 503)
        assert process.poll() is None


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "BACKFLEET_API_DATABASE_URL"),
        ({"BACKFLEET_API_DATABASE_URL": "postgresql://a:geheim@h/d", "BACKFLEET_API_PORT": "x"}, "BACKFLEET_API_PORT"),
        ({"BACKFLEET_API_DATABASE_URL": "postgresql://a:geheim@h/d", "KUBECONFIG": "/none"}, "KUBECONFIG"),
    ],
)
def test_a_server_with_a_bad_variable_names_it_and_ends(variables: dict[str, str], named: str) -> None:
    done = subprocess.run(
        SERVER, env=environment(**variables), stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert named in json.loads(done.stderr)["message"]
    assert "geheim" not in done.stderr


def test_a_server_whose_port_is_taken_fails(database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = environment(
            BACKFLEET_API_DATABASE_URL=database.api_url,
            BACKFLEET_API_HOST="127.0.0.1",
            BACKFLEET_API_PORT=str(taken.getsockname()[1]),
        )
        done = subprocess.run(SERVER, env=given, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "address already in use" in done.stderr


def test_ctrl_c_ends_a_watch_with_130(api_url: str, history: History) -> None:
    history.accept()
    process = subprocess.Popen(
        # A shell starts what runs in the background with SIGINT ignored, and children inherit that.
        ["env", "--default-signal=INT", *COMMAND, "watch", "rsi-small"],
        env=environment(BACKFLEET_API_URL=api_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "running" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors.strip()) == (130, "interrupted")


def test_a_reader_that_closes_early_is_no_traceback(api_url: str, history: History) -> None:
    for number in range(3):
        history.accept(f"batch-{number}")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "batches"],
        env=environment(BACKFLEET_API_URL=api_url),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_terminal_gets_one_bar_that_is_drawn_over(api_url: str, history: History) -> None:
    batch = history.accept()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "watch", "rsi-small"], env=environment(BACKFLEET_API_URL=api_url, COLUMNS="100"), stdout=theirs
    )
    os.close(theirs)
    text = os.read(ours, 4096).decode()
    assert text.startswith("\r[........................] running  0/6")
    history.finish(history.succeed(batch, 0, sharpe_ratio=1.0), "CompletedWithFailures")
    with suppress(OSError):  # Linux ends a terminal whose other side is closed with EIO
        while part := os.read(ours, 4096):
            text += part.decode()
    assert process.wait(60) == 0
    os.close(ours)
    drawn, *rest = text.replace("\r\n", "\n").split("\n")
    assert drawn.split("\r")[-1].startswith("[########################] complete  6/6")
    assert rest[0].startswith("rsi-small: complete (CompletedWithFailures)")


def test_importing_the_command_line_loads_nothing_slow() -> None:
    code = (
        "import sys, backfleet_client.main; print([m for m in ('pydantic', 'httpx2', 'fastapi') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), stdout=subprocess.PIPE, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"

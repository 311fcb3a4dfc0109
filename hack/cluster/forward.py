"""Keeps a Service reachable on this machine's loopback address until the cluster is deleted."""

import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import processes
from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import Layout
from hack.cluster.progress import ClusterError, capture, say, step, wait_until

ADDRESS = "127.0.0.1"
RETRY_SECONDS = 1.0
ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of a Service and the port of this machine that leads to it."""

    namespace: str
    service: str
    service_port: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.port}"


def record_of(layout: Layout, port: int) -> Path:
    return layout.state / f"forward-{port}.json"


def start_forward(layout: Layout, kubectl: Kubectl, forward: Forward, alive: Path | None) -> None:
    """Replace an earlier forward of this cluster on the port, and wait until the port answers."""
    record = record_of(layout, forward.port)
    end_forward(record)
    refuse_taken_port(forward.port)
    kubectl.run("get", "service", forward.service, f"--namespace={forward.namespace}")
    log = layout.logs / f"forward-{forward.port}.log"
    command = [sys.executable, str(Path(__file__).parent), "keep-forward", "--name", layout.name]
    command += ["--namespace", forward.namespace, "--service", forward.service]
    command += ["--service-port", forward.service_port, "--port", str(forward.port)]
    command += ["--alive", str(alive)] if alive else []
    command += ["--command", *kubectl.command()]
    with step(f"forwarding {forward.url} to service {forward.namespace}/{forward.service}", "2 s"):
        keeper = processes.record(record, processes.start_detached(command, log))
        try:
            _wait_answering(keeper, forward, log)
        except BaseException:
            end_forward(record)
            raise


def _wait_answering(keeper: processes.Recorded, forward: Forward, log: Path) -> None:
    def is_answering() -> bool:
        if processes.observe(keeper.pid) != keeper:
            raise ClusterError("kubectl port-forward ended at once", log)
        return _is_taken(forward.port)

    wait_until(f"{forward.url} answers", is_answering, ANSWER_SECONDS, log)


def end_forward(record: Path) -> None:
    running = processes.recorded_alive(record)
    if running is not None:
        processes.end(running, signal.SIGTERM, 15)
    record.unlink(missing_ok=True)


def end_all_forwards(layout: Layout) -> None:
    for record in layout.state.glob("forward-*.json"):
        end_forward(record)


def refuse_taken_port(port: int) -> None:
    if _is_taken(port):
        owner = capture(["ss", "-Hltnp", f"sport = :{port}"]).strip() or "an unknown process"
        raise ClusterError(f"port {port} on {ADDRESS} is already in use by {owner}; choose another port")


def _is_taken(port: int) -> bool:
    try:
        socket.create_connection((ADDRESS, port), timeout=1).close()
    except OSError:
        return False
    return True


def keep_forward(command: list[str], forward: Forward, alive: Path | None) -> None:
    """Run `kubectl port-forward` repeatedly, until a signal or the end of the cluster."""
    target = [f"service/{forward.service}", f"{forward.port}:{forward.service_port}"]
    arguments = ["port-forward", f"--namespace={forward.namespace}", f"--address={ADDRESS}"]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while alive is None or processes.recorded_alive(alive):
        with subprocess.Popen([*command, *arguments, *target], stdin=subprocess.DEVNULL) as child:
            try:
                _wait_while(child, alive)
            finally:
                child.terminate()
        say(f"port-forward ended with {child.returncode}; trying again in {RETRY_SECONDS:.0f} s")
        time.sleep(RETRY_SECONDS)


def _wait_while(child: "subprocess.Popen[bytes]", alive: Path | None) -> None:
    while alive is None or processes.recorded_alive(alive):
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            continue
        return

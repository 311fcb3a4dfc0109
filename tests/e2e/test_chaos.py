"""Everything is killed in the middle of one batch, and its results are those of an undisturbed run."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.test_batches import TTL, direct, example, recorded
from tests.support.live import Live
from tests.support.observer import attempt_of, wait_until

Component = tuple[str, bytes]
"""The selector of its pods, and a word of its main process's command."""

OPERATOR: Component = ("app.kubernetes.io/component=operator", b"backfleet-operator")
POSTGRES: Component = ("app.kubernetes.io/component=postgres", b"/bin/postgres")


def hundred() -> dict[str, Any]:
    """Return a hundred combinations of a strategy: the 20 pairs of averages that satisfy the constraint, with five stops each."""
    parameters = [
        {"name": "fast_sma", "type": "int", "values": [20, 25, 35, 50, 55]},
        {"name": "slow_sma", "type": "int", "values": [30, 50, 100, 150, 200]},
        {"name": "volume_threshold", "type": "float", "value": 1.6},
        {"name": "stop_loss_pct", "type": "float", "range": {"start": 0.01, "end": 0.03, "step": 0.005}},
        {"name": "profit_target_pct", "type": "float", "value": 0.02},
    ]
    manifest = example("sma-crossover", parameters=parameters, ttlSecondsAfterFinished=TTL)
    manifest["metadata"]["name"] = "chaos"
    return manifest


def processes(live: Live, selector: str, word: bytes) -> list[int]:
    """Return a component's main processes as the host sees them; none where the cluster is not on this host."""
    names = live.kubectl("get", "pods", "-l", selector, "-o", "jsonpath={.items[*].metadata.name}").stdout.split()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes()
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if word in command and any(f"HOSTNAME={name}\0".encode() in environment for name in names):
                found.append(int(folder.name))
    return found


def kill(live: Live, *components: Component) -> None:
    """Send SIGKILL to each, in the middle of whatever it does."""
    for component in components:
        pids = processes(live, *component)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        if not pids:
            replace_pod(live, component)


def replace_pod(live: Live, component: Component) -> None:
    """Let the kubelet kill the pod, and wait for another one. What is on a volume stays."""
    live.kubectl("delete", "pod", "-l", component[0], "--grace-period=0", "--force")


def delete_some(live: Live, uid: str, kind: str, count: int) -> None:
    """Delete Jobs or pods of first attempts that are not over."""
    pods = [pod for pod in live.pods(uid) if pod.status.phase in ("Pending", "Running") and attempt_of(pod)[2] == "1"]
    names = {"job": [pod.metadata.labels["job-name"] for pod in pods], "pod": [pod.metadata.name for pod in pods]}
    live.kubectl("delete", kind, *names[kind][:count], "--wait=false", "--ignore-not-found", check=bool(pods))


def test_a_batch_of_100_in_which_everything_is_killed_has_the_results_of_an_undisturbed_run(live: Live) -> None:
    manifest = hundred()
    blows: dict[int, Callable[[str], None]] = {
        8: lambda _: kill(live, OPERATOR),
        16: lambda uid: delete_some(live, uid, "job", 3),
        28: lambda uid: delete_some(live, uid, "pod", 2),
        40: lambda _: kill(live, POSTGRES, OPERATOR),
        55: lambda uid: delete_some(live, uid, "job", 3),
        65: lambda uid: delete_some(live, uid, "pod", 1),
        75: lambda _: replace_pod(live, OPERATOR),
    }
    with live.observe() as observer:
        uid = live.apply(manifest)
        for share, blow in blows.items():
            wait_for_outcomes(live, uid, share)
            blow(uid)
        batch = live.wait_finished("chaos", 420)
    status = batch["status"]
    assert (status["progress"], status["failed"], status["cancelled"]) == ("100/100", 0, 0)
    assert recorded(live, uid) == direct(manifest)
    assert observer.most_alive <= 4
    assert observer.limits == {("1", "2Gi")}
    states = live.psql(f"SELECT state, count(*) FROM backtest_jobs WHERE batch_uid = '{uid}' GROUP BY state")
    assert states == [["succeeded", "100"]]
    live.leaving["chaos"] = uid


def wait_for_outcomes(live: Live, uid: str, count: int) -> None:
    """Wait for that many; while Postgres is away nobody knows."""
    statement = f"SELECT count(*) FROM backtest_outcomes WHERE attempt_id LIKE '{uid}-%'"

    def enough() -> bool:
        rows = live.try_psql(statement)
        return bool(rows) and int(rows[0][0]) >= count

    wait_until(f"{count} outcomes", enough, 240)

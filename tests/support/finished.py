"""The operator's pass over HTTP with many finished Jobs that are settled.

`python -m tests.support.finished COUNT COMPONENT` serves a batch of 50 backtests and COUNT finished Jobs with that label, says
where, and ends with its standard input: in a process of its own, what the objects cost the server is no part of what they cost
the operator.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes.client import ApiClient

from backfleet.controller.applying import Applier
from backfleet.controller.cluster import Cluster
from backfleet.controller.job_manifest import build_job
from backfleet.controller.passes import Passes, Rows
from backfleet.core import wire
from backfleet.core.planning.observation import Limits
from backfleet.engines.registry import ENGINES
from tests.support.jobs import build_create
from tests.support.memory import MemoryRows
from tests.support.operator import batch_spec, build_settings, values
from tests.world.api_server import ApiServer, client_of

NAMESPACE = "research"
ROOT = Path(__file__).resolve().parents[2]


def build_passes(client: ApiClient, rows: MemoryRows) -> Passes:
    cluster, settings = Cluster(client), build_settings()
    applier = Applier(cluster=cluster, save=rows.save, settings=settings)
    return Passes(
        cluster=cluster,
        rows=Rows(observe=rows.observe, catalog=rows.catalog, members=rows.members, job_names=rows.job_names),
        applier=applier,
        settings=settings,
        limits=Limits(),
    )


def add_batch(api: ApiServer) -> dict[str, Any]:
    """Add a batch of 50 backtests. Return what its Jobs name as their owner."""
    body = {"metadata": {"name": "demo"}, "spec": batch_spec(parameters=values(50))}
    return {"uid": api.objects.create(wire.PLURAL, NAMESPACE, body)["metadata"]["uid"], "name": "demo"}


@contextmanager
def served(count: int, component: str = wire.COMPONENT_BACKTEST) -> Iterator[ApiClient]:
    """Yield a client of a process that serves a batch and so many finished Jobs, ours or another component's."""
    command = [sys.executable, "-m", "tests.support.finished", str(count), component]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        yield client_of(process.stdout.readline().strip())
        process.communicate()


def add_finished(api: ApiServer, owner: dict[str, Any], count: int, component: str = wire.COMPONENT_BACKTEST) -> None:
    """Add settled Jobs of the batch with their ended pods, as large as real ones, at once and past the watches."""
    job = build_job(build_create(), ENGINES["noop"], build_settings())
    given = {wire.LABEL_SETTLED: "4102444800", wire.LABEL_BATCH_UID: owner["uid"], wire.LABEL_COMPONENT: component}
    labels = job["metadata"]["labels"] | given
    for number in range(count):
        name = f"done-{number}"
        meta = job["metadata"] | {
            "name": name,
            "uid": f"uid-{number}",
            "creationTimestamp": "2026-01-05T09:00:00Z",
            "labels": labels | {wire.LABEL_INDEX: str(number + 100)},
            "ownerReferences": [{**owner, "controller": True}],
        }
        pod = meta | {"name": f"{name}-x", "labels": meta["labels"] | {"job-name": name}}
        api.objects.stored["jobs", NAMESPACE, name] = job | {"metadata": meta}
        api.objects.stored["pods", NAMESPACE, f"{name}-x"] = {"metadata": pod, "status": {"phase": "Succeeded"}}


def main() -> None:
    with ApiServer.running() as api:
        add_finished(api, add_batch(api), int(sys.argv[1]), sys.argv[2])
        print(api.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

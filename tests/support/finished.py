"""The operator's pass over HTTP beside many finished Jobs that are settled."""

from typing import Any

from backfleet.controller.applying import Applier
from backfleet.controller.cluster import Cluster
from backfleet.controller.jobs import build_job
from backfleet.controller.passes import Passes, Rows
from backfleet.core import wire
from backfleet.core.observation import Limits
from backfleet.engines.registry import ENGINES
from tests.support.api_server import ApiServer
from tests.support.jobs import build_create
from tests.support.memory import MemoryRows
from tests.support.operator import build_settings

NAMESPACE = "research"


def build_passes(api: ApiServer, rows: MemoryRows) -> Passes:
    cluster, settings = Cluster(api.client()), build_settings()
    applier = Applier(cluster=cluster, save=rows.save, settings=settings)
    return Passes(
        cluster=cluster,
        rows=Rows(observe=rows.observe, catalog=rows.catalog, job_names=rows.job_names),
        applier=applier,
        settings=settings,
        limits=Limits(),
    )


def add_finished(api: ApiServer, owner: dict[str, Any], count: int) -> None:
    """Settled Jobs of the batch with their ended pods, as large as real ones; put there at once, past the watches."""
    job = build_job(build_create(), ENGINES["noop"], build_settings())
    labels = job["metadata"]["labels"] | {wire.LABEL_SETTLED: "4102444800", wire.LABEL_BATCH_UID: owner["uid"]}
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

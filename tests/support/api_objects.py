"""Builds objects for the fake API server, and reads them."""

from typing import Any

from backfleet.core import wire
from tests.world.api_server import ApiServer

NAMESPACE = "research"
LABELS = {wire.LABEL_MANAGED_BY: wire.MANAGED_BY, wire.LABEL_COMPONENT: wire.COMPONENT_BACKTEST}


def job(name: str = "demo-1", owner: str = "batch-uid", **labels: str) -> dict[str, Any]:
    owners = [{"uid": owner, "name": "demo", "controller": True}]
    meta = {"name": name, "namespace": NAMESPACE, "labels": LABELS | labels, "ownerReferences": owners}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": {"spec": {}}}}


def add_batch(api: ApiServer, name: str = "demo", status: dict[str, Any] | None = None) -> str:
    created = api.objects.create(wire.PLURAL, NAMESPACE, {"metadata": {"name": name}, "spec": {}})
    api.objects.set_status(wire.PLURAL, NAMESPACE, name, status or {})
    return str(created["metadata"]["uid"])


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def status_of(api: ApiServer) -> dict[str, Any]:
    return api.objects.get(wire.PLURAL, NAMESPACE, "demo")["status"]

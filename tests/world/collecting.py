"""What removes objects in the fake control plane: owners that are gone, times to live, namespaces that are deleted."""

from collections import defaultdict
from contextlib import suppress
from datetime import timedelta

from tests.world.clock import parse
from tests.world.history import Key
from tests.world.job_controller import condition_of
from tests.world.kinds import KINDS, Json
from tests.world.objects import FOREGROUND, Objects
from tests.world.problems import Problem

NAMESPACE_FINALIZER = "kubernetes"


def collect_garbage(objects: Objects) -> None:
    """Delete what has lost every owner, and what an owner that is deleted in the foreground waits for."""
    stored = dict(objects.stored)
    uids = {item["metadata"]["uid"]: item for item in stored.values() if "uid" in item["metadata"]}
    owned: dict[str, list[Json]] = defaultdict(list)
    for item in stored.values():
        for owner in item["metadata"].get("ownerReferences") or []:
            owned[owner["uid"]].append(owner)
    for key, item in stored.items():
        owners = [uids.get(owner["uid"]) for owner in item["metadata"].get("ownerReferences") or []]
        there = [owner for owner in owners if owner is not None]
        if owners and all(_waits(owner) for owner in there):
            policy = "Foreground" if there and owned[item["metadata"]["uid"]] else None
            _delete(objects, key, item, policy)
        if _waits(item) and not any(each.get("blockOwnerDeletion") for each in owned[item["metadata"]["uid"]]):
            rest = [each for each in item["metadata"]["finalizers"] if each != FOREGROUND]
            objects.merge(*key, {"metadata": {"finalizers": rest or None}})


def expire_jobs(objects: Objects) -> None:
    """Delete finished Jobs past their time to live, with their pods first."""
    for job in objects.all("jobs"):
        ended, seconds = condition_of(job, "Complete", "Failed"), job["spec"].get("ttlSecondsAfterFinished")
        if ended is None or seconds is None or "deletionTimestamp" in job["metadata"]:
            continue
        if objects.clock.now() >= parse(ended["lastTransitionTime"]) + timedelta(seconds=seconds):
            _delete(objects, ("jobs", job["metadata"]["namespace"], job["metadata"]["name"]), job, "Foreground")


def delete_namespace(objects: Objects, name: str) -> None:
    """Begin to delete a namespace: nothing new is taken in it, and it is gone when all that is in it is."""
    if ("namespaces", "", name) not in objects.stored:
        objects.create("namespaces", "", {"metadata": {"name": name}})
    objects.merge("namespaces", "", name, {"metadata": {"finalizers": [NAMESPACE_FINALIZER]}})
    objects.delete("namespaces", "", name)


def empty_namespaces(objects: Objects) -> None:
    """Delete what is in namespaces that are being deleted, and then them."""
    for namespace in objects.all("namespaces"):
        meta = namespace["metadata"]
        if "deletionTimestamp" not in meta:
            continue
        inside = [key for key in list(objects.stored) if key[1] == meta["name"] and KINDS[key[0]].is_namespaced]
        for key in inside:
            if key in objects.stored:
                _delete(objects, key, objects.stored[key], None)
        if not any(key in objects.stored for key in inside):
            objects.merge("namespaces", "", meta["name"], {"metadata": {"finalizers": None}})


def _waits(item: Json) -> bool:
    meta = item["metadata"]
    return "deletionTimestamp" in meta and FOREGROUND in meta.get("finalizers", [])


def _delete(objects: Objects, key: Key, item: Json, policy: str | None) -> None:
    if "deletionTimestamp" not in item["metadata"]:
        with suppress(Problem):  # it is gone already
            objects.delete(*key, item["metadata"].get("uid"), policy=policy)

"""What the fake API server refuses to take: what a quota is used up by, and what a test forbids."""

from tests.world.kinds import KINDS, Json
from tests.world.objects import Objects, Rule
from tests.world.problems import Problem


def check_quotas(objects: Objects, resource: str, item: Json) -> None:
    """Problem 403 when a ResourceQuota of the namespace has no room: `count/jobs.batch`, or `pods`, which have not ended."""
    meta, group = item["metadata"], KINDS[resource].group
    counted = f"count/{resource}.{group}" if group else f"count/{resource}"
    if not KINDS[resource].is_namespaced:
        return
    for quota in objects.all("resourcequotas", meta["namespace"]):
        for name in (counted, resource):
            if name not in quota["spec"]["hard"]:
                continue
            limit = int(quota["spec"]["hard"][name])
            there = objects.all(resource, meta["namespace"])
            used = len([each for each in there if name == counted or not _has_ended(each)])
            if used >= limit:
                where = f'{resource}{"." + group if group else ""} "{meta["name"]}" is forbidden'
                room = f"requested: {name}=1, used: {name}={used}, limited: {name}={limit}"
                raise Problem(403, "Forbidden", f"{where}: exceeded quota: {quota['metadata']['name']}, {room}")


def refusing(resource: str, message: str, code: int = 403) -> Rule:
    """Build a rule that refuses every new object of a resource: 403 as admission does, 422 as validation."""

    def rule(_: Objects, asked: str, item: Json) -> None:
        if asked == resource:
            reason = "Forbidden" if code == 403 else "Invalid"
            raise Problem(code, reason, f'{resource} "{item["metadata"]["name"]}" is {reason.lower()}: {message}')

    return rule


def _has_ended(pod: Json) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")

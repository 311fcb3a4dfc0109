"""What the fake API server says it serves."""

from collections.abc import Collection

from tests.world.kinds import KINDS, Json

_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
_DEFINITIONS = "apiextensions.k8s.io"


def discover(path: str, absent: Collection[str]) -> Json | None:
    """Return the answer to a path of discovery without the absent groups; None for any other path."""
    groups = {each.group: each.version for each in KINDS.values() if each.group} | {_DEFINITIONS: "v1"}
    served = {group: version for group, version in groups.items() if group not in absent}
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        return {"kind": "APIGroupList", "groups": [_group(*each) for each in served.items()]}
    if path == "/api/v1":
        return _resources("", "v1")
    for group, version in served.items():
        if path == f"/apis/{group}/{version}":
            return _resources(group, version)
    return None


def _group(name: str, version: str) -> Json:
    entry = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [entry], "preferredVersion": entry}


def _resources(group: str, version: str) -> Json:
    own = [(each.plural, each.kind, each.is_namespaced) for each in KINDS.values() if each.group == group]
    if group == _DEFINITIONS:
        own = [("customresourcedefinitions", "CustomResourceDefinition", False)]
    entries = [
        {"name": name, "singularName": kind.lower(), "namespaced": is_namespaced, "kind": kind, "verbs": _VERBS}
        for name, kind, is_namespaced in own
    ]
    status = [{**each, "name": f"{each['name']}/status", "verbs": ["get", "patch", "update"]} for each in entries]
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "groupVersion": group_version, "resources": [*entries, *status]}

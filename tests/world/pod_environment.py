"""What the containers of a pod know from their variables."""

from backfleet.core import wire
from backfleet.core.packs import PackRequest
from tests.world.kinds import Json


def environment_of(pod: Json, container: str) -> dict[str, str]:
    """Return a container's variables that have their values in its pod."""
    spec = pod["spec"]
    (found,) = [each for each in [*spec["initContainers"], *spec["containers"]] if each["name"] == container]
    return {each["name"]: each["value"].replace("$$", "$") for each in found["env"] if "value" in each}


def patience_of(pod: Json) -> float:
    """Return for how many seconds the pod's recorder tries."""
    return float(environment_of(pod, wire.CONTAINER_RECORDER)[wire.ENV_RECORDER_PATIENCE])


def indexes_of(pod: Json) -> list[int]:
    """Return the indexes of the pack that a pod runs, in order. A pod of somebody else has none."""
    containers = [each["name"] for each in pod.get("spec", {}).get("containers", [])]
    if wire.CONTAINER_RECORDER not in containers:
        return []
    text = environment_of(pod, wire.CONTAINER_RECORDER).get(wire.ENV_PACK)
    return [each.index for each in PackRequest.from_json(text).members] if text else []

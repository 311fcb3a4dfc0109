"""What the containers of a pod know from their variables."""

import math

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


def pack_seconds_of(pod: Json) -> float:
    """Return for how many seconds after its engine's start the pod begins members."""
    if not _is_ours(pod):
        return math.inf
    return float(environment_of(pod, wire.CONTAINER_ENGINE).get(wire.ENV_PACK_SECONDS, math.inf))


def places_of(pod: Json) -> list[tuple[str, str, str]]:
    """Return batch, index and attempt of every member that a pod or the template of a Job runs, in order, as its labels are.

    A pod of somebody else has what its own labels say.
    """
    labels = pod["metadata"].get("labels", {})
    own = (labels.get(wire.LABEL_BATCH_UID, ""), labels.get(wire.LABEL_INDEX, ""), labels.get(wire.LABEL_ATTEMPT, ""))
    text = environment_of(pod, wire.CONTAINER_RECORDER).get(wire.ENV_PACK) if _is_ours(pod) else None
    if text is None:
        return [own]
    request = PackRequest.from_json(text)
    return [(request.batch_uid, str(each.index), str(each.number)) for each in request.members]


def _is_ours(pod: Json) -> bool:
    return wire.CONTAINER_RECORDER in [each["name"] for each in pod.get("spec", {}).get("containers", [])]

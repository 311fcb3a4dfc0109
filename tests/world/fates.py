"""What becomes of the pods that the fake kubelet runs: a plan that follows from a seed and a pod's labels."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique

from backfleet.core import wire
from tests.world.kinds import Json
from tests.world.pod_environment import indexes_of


@unique
class Fate(StrEnum):
    """How a pod goes on after its node has it."""

    SUCCEEDS = "succeeds"
    FAILS = "the engine fails, and the recorder says so"
    OOM_IN_ENGINE = "a process of the engine is out of memory, and the recorder says so"
    OOM_OF_CONTAINER = "the engine's whole container is out of memory"
    CRASHES = "the engine's container crashes"
    HANGS = "the engine never ends"
    IMAGE = "the image cannot be pulled"
    CONFIG = "the engine's container cannot be made"
    RECORDER_CONFIG = "the recorder's container cannot be made"
    EVICTED = "the node is short of memory"
    RECORDER_CRASHES = "the recorder crashes after it has recorded"
    TIME_IS_OVER = "the time of the Job is over when half of its members have run"
    RECORDER_SILENT = "the recorder ends well and has recorded nothing"


@dataclass(frozen=True)
class Life:
    """One pod's fate, and how many seconds it takes until its engine starts, and how many that runs."""

    fate: Fate
    start_seconds: float
    run_seconds: float
    victim: int | None = None
    """The index whose fate it is, where a test wants it; None for the pod's own."""


@dataclass(frozen=True)
class Plan:
    """Draws a life for a pod; the same one for the same seed, batch, index and attempt."""

    seed: int = 0
    weights: Mapping[Fate, float] = field(default_factory=lambda: {Fate.SUCCEEDS: 1})
    start_seconds: tuple[float, float] = (1.0, 3.0)
    run_seconds: tuple[float, float] = (5.0, 30.0)
    by_index: Mapping[int, Fate] = field(default_factory=dict)
    """Fates that a test wants, for every attempt."""

    def life_of(self, pod: Json) -> Life:
        labels = pod["metadata"]["labels"]
        place = tuple(labels.get(key, "") for key in (wire.LABEL_BATCH_UID, wire.LABEL_INDEX, wire.LABEL_ATTEMPT))
        chance = random.Random(f"{self.seed}/{'/'.join(place)}")
        fate = chance.choices([*self.weights], [*self.weights.values()])[0]
        victim = next((index for index in indexes_of(pod) or [int(place[1] or -1)] if index in self.by_index), None)
        fate = fate if victim is None else self.by_index[victim]
        return Life(fate, chance.uniform(*self.start_seconds), chance.uniform(*self.run_seconds), victim)

"""What becomes of the pods that the fake kubelet runs: a plan that follows from a seed and a pod's labels."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique

from tests.world.kinds import Json
from tests.world.pod_environment import places_of

SHORTER = 4.0
"""By so much a member of a pack is quicker than a backtest that has its own pod."""


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
    TIME_IS_OVER = "the time of the Job is over when some of its members have run"
    TIMES_OUT = "a backtest takes longer than it may, and the recorder says so"
    RECORDER_SILENT = "the recorder ends well and has recorded nothing"


OF_POD = frozenset({Fate.IMAGE, Fate.CONFIG, Fate.RECORDER_CONFIG, Fate.RECORDER_CRASHES, Fate.RECORDER_SILENT})
"""What becomes of a whole pod, whatever its members do."""
OF_ONE = frozenset({Fate.CRASHES, Fate.OOM_OF_CONTAINER, Fate.HANGS, Fate.EVICTED, Fate.TIME_IS_OVER})
"""What ends a container, or its time, while one member runs."""


@dataclass(frozen=True)
class MemberLife:
    """What becomes of one member of a pack when its turn comes, and how many seconds it takes."""

    fate: Fate
    seconds: float


@dataclass(frozen=True)
class MemberRun:
    """How one member ran to its own end."""

    fate: Fate
    started: datetime
    finished: datetime


@dataclass(frozen=True)
class Life:
    """One pod's fate, how many seconds it takes until its engine starts, and its members, which run one after the other."""

    fate: Fate
    start_seconds: float
    members: tuple[MemberLife, ...]


@dataclass(frozen=True)
class Plan:
    """Draws a life for a pod; the same one for the same seed, batch, index and attempt.

    By default the members of a pack share one fate and its seconds. What ends a container does so while the member in the
    middle runs. If `is_by_member`, each has a fate and seconds of its own, and the first one decides what becomes of the pod.
    """

    seed: int = 0
    weights: Mapping[Fate, float] = field(default_factory=lambda: {Fate.SUCCEEDS: 1})
    start_seconds: tuple[float, float] = (1.0, 3.0)
    run_seconds: tuple[float, float] = (5.0, 30.0)
    by_index: Mapping[int, Fate] = field(default_factory=dict)
    """Fates that a test wants, for every attempt: that of a pack's member is its pack's, unless each has its own."""
    is_by_member: bool = False

    def life_of(self, pod: Json) -> Life:
        members = places_of(pod)
        draws = [self._draw(*place) for place in members]
        fate, start, run = draws[0]
        if self.is_by_member and len(members) > 1:
            fates = (
                self.by_index.get(int(index), each) for (_, index, _), (each, _, _) in zip(members, draws, strict=True)
            )
            shares = (seconds / SHORTER for _, _, seconds in draws)
            own = (MemberLife(_own(each), share) for each, share in zip(fates, shares, strict=True))
            return Life(_of_pod(fate), start, tuple(own))
        wanted = next((place for place, (_, index, _) in enumerate(members) if int(index or -1) in self.by_index), None)
        if wanted is not None:
            fate = self.by_index[int(members[wanted][1])]
        each = run / len(members)
        if fate not in OF_ONE:
            return Life(_of_pod(fate), start, (MemberLife(_own(fate), each),) * len(members))
        ends_at = len(members) // 2 if wanted is None else wanted
        ones = (fate if place == ends_at else Fate.SUCCEEDS for place in range(len(members)))
        return Life(_of_pod(fate), start, tuple(MemberLife(one, each) for one in ones))

    def _draw(self, batch: str, index: str, number: str) -> tuple[Fate, float, float]:
        chance = random.Random(f"{self.seed}/{batch}/{index}/{number}")
        fate = chance.choices([*self.weights], [*self.weights.values()])[0]
        return fate, chance.uniform(*self.start_seconds), chance.uniform(*self.run_seconds)


def _of_pod(fate: Fate) -> Fate:
    return fate if fate in OF_POD else Fate.SUCCEEDS


def _own(fate: Fate) -> Fate:
    return Fate.SUCCEEDS if fate in OF_POD else fate

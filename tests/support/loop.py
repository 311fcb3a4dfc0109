"""A loop over a fake fence and fake passes. The test decides every answer."""

from collections.abc import Callable
from dataclasses import dataclass, field

from backfleet.controller.loop import Loop
from backfleet.controller.passes import PassReport
from backfleet.core.errors import Unavailable
from backfleet.core.planning.effects import Plan

TICK_SECONDS = 15.0


def report(due_seconds: float | None = None, **errors: str) -> PassReport:
    return PassReport(plan=Plan(), errors=errors, seconds=0.1, live_batches=1, due_seconds=due_seconds)


@dataclass
class FakeFence:
    """A fence. `is_free`: no other operator holds it. `is_away`: Postgres does not answer."""

    is_free: bool = True
    is_away: bool = False
    is_mine: bool = False
    epoch: int = 0
    closed: int = 0

    def acquire(self) -> int | None:
        if self.is_away:
            raise Unavailable("Postgres does not answer")
        if not self.is_free:
            return None
        self.is_mine = True
        self.epoch += 1
        return self.epoch

    def is_held(self) -> bool:
        self.is_mine = self.is_mine and not self.is_away
        return self.is_mine

    def close(self) -> None:
        self.is_mine = False
        self.closed += 1


@dataclass
class FakePasses:
    """Passes that each call `do`. `shown` are the outages that batches show."""

    do: Callable[[], PassReport] = report
    runs: int = 0
    shown: list[str] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    show_error: Exception | None = None

    def run(self) -> PassReport:
        self.runs += 1
        return self.do()

    def show_database_unavailable(self, message: str) -> None:
        if self.show_error is not None:
            raise self.show_error
        self.shown.append(message)

    def start(self, epoch: int) -> "FakePasses":
        self.epochs.append(epoch)
        return self


@dataclass
class Scene:
    fence: FakeFence = field(default_factory=FakeFence)
    passes: FakePasses = field(default_factory=FakePasses)

    def __post_init__(self) -> None:
        self.loop = Loop(fence=self.fence, start_passes=self.passes.start, tick_seconds=TICK_SECONDS)

    @property
    def state(self) -> tuple[bool, str | None]:
        return self.loop.health.is_holder, self.loop.health.problem

    def fail(self, error: Exception) -> None:
        def do() -> PassReport:
            raise error

        self.passes.do = do

"""One process of the operator: its real loop, fence and passes, run by hand, so that it can die with any of its writes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy import Engine

from backfleet.controller.applying import Applier, PassOverdue
from backfleet.controller.cluster import Cluster
from backfleet.controller.limits import limits_of
from backfleet.controller.loop import Loop
from backfleet.controller.passes import Passes, PassReport, Rows
from backfleet.core.changes import BatchChanges
from backfleet.core.errors import FenceLost, Unavailable
from backfleet.core.planning.effects import Effect
from backfleet.core.planning.observation import Limits
from backfleet.settings import Settings
from backfleet.store.passes.observe import job_names, observe, read_members
from backfleet.store.passes.save import save
from backfleet.store.postgres.fence import Fence
from backfleet.store.tables.strategies import load_catalog


class Dead(BaseException):
    """The process is gone: it does not go on to its next effect."""


@dataclass
class Memory:
    """How many things a process remembers, by what they are."""

    sizes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, passes: Passes) -> "Memory":
        memory = passes.applier.memory
        return cls(
            {
                "refusals": len(memory.refusals),
                "problems": len(memory.problems_since),
                "statuses": len(memory.status_written_at),
                "unsavable": len(memory.unsavable),
                "failing": len(passes.failing),
                "refused": len(passes.refused),
                "quiet": len(passes.quiet._by_uid),
                "works": len(passes.works),
                "lived": len(passes.lived._at),
            }
        )


@dataclass
class Process:
    """A loop that a test turns; `writes_left` counts down its writes, and it dies with the last one."""

    token: str
    settings: Settings
    limits: Limits
    cluster: Cluster
    engine: Callable[[], Engine]
    fence: Fence
    clock: Callable[[], float]
    note_holder: Callable[[str], None]
    is_severed: Callable[[], bool]
    writes_left: int | None = None
    is_alive: bool = True
    has_lost_fence: bool = False
    """Its fence was taken, and it has not noticed yet."""
    report: PassReport | None = None
    """Of the last turn; None when it had no pass that came to its end."""
    error: Exception | None = None
    """What ended the pass of the last turn."""
    passes: Passes | None = None

    def __post_init__(self) -> None:
        self.loop = Loop(
            fence=self.fence, start_passes=self._start_passes, tick_seconds=self.settings.tick_seconds, clock=self.clock
        )

    def turn(self) -> float:
        """Hold the fence and run a pass, as the real loop does. The seconds until the next turn is due."""
        self.report = self.error = None
        try:
            seconds = self.loop.turn()
        except Dead:
            self.die()
            return 0.0
        if self.is_severed():
            self.die()
        return seconds

    def run(self) -> PassReport:
        """Run a pass, and keep how it went: this is what the loop calls."""
        assert self.passes is not None
        try:
            self.report = self.passes.run()
        except Exception as error:
            self.error = error
            raise
        return self.report

    def show_database_unavailable(self, message: str) -> None:
        assert self.passes is not None
        self.passes.show_database_unavailable(message)

    def die(self) -> None:
        """End it. The server notices at once that its connection is gone."""
        self.is_alive = False
        self.report = None
        self.fence.close()

    def lose_fence(self) -> None:
        """Break the fence's connection without its knowledge: another process can take it from now on."""
        connection = self.fence._connection
        if connection is not None:
            self.has_lost_fence = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_all()")

    @property
    def has_defect(self) -> bool:
        """The last pass ended by an error that no trouble of its world explains."""
        return self.error is not None and not isinstance(self.error, FenceLost | Unavailable | PassOverdue)

    def count_write(self) -> bool:
        """Count a write that is done; report whether it was the last one of this life."""
        if self.writes_left is None:
            return False
        self.writes_left -= 1
        return self.writes_left <= 0

    def _start_passes(self, epoch: int) -> "Process":
        self.note_holder(self.token)
        self.has_lost_fence = False
        try:
            self.passes = self._build_passes(epoch)
        except Exception as error:
            self.error = error
            raise
        return self

    def _build_passes(self, epoch: int) -> Passes:
        return Passes(
            cluster=self.cluster,
            rows=Rows(
                observe=lambda uids: observe(self.engine(), self.settings.installation, uids),
                catalog=lambda: load_catalog(self.engine()),
                members=lambda ids: read_members(self.engine(), ids),
                job_names=lambda ids: job_names(self.engine(), ids),
            ),
            applier=Applier(
                cluster=self.cluster,
                save=lambda changes: self._save(changes, epoch),
                settings=self.settings,
                checkpoint=self._go_on,
                clock=self.clock,
            ),
            settings=self.settings,
            limits=self.limits,
            clock=self.clock,
        )

    def _save(self, changes: BatchChanges, epoch: int) -> None:
        save(self.engine(), self.settings.installation, epoch, changes)
        if self.count_write():
            raise Dead

    def _go_on(self, _: Effect) -> None:
        if self.is_severed():
            raise Dead


def limits_for(settings: Settings) -> Limits:
    """Return the settings' limits, with waits that make worlds short."""
    return replace(
        limits_of(settings), overdue_seconds=60, uncharged_attempts=2, first_look_seconds=5.0, last_look_seconds=10.0
    )

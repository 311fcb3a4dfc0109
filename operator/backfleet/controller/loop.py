"""The loop: runs one pass at a time in one thread, woken by events, notifications and ticks. It holds the fence or waits."""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from backfleet.controller import prometheus as metrics
from backfleet.controller.applying import PassOverdue
from backfleet.controller.passes import PassReport
from backfleet.core.errors import BackfleetError, Busy, DatabaseUnavailable, FenceLost, Unavailable, sentence_of

logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.02
"""How long a pass waits after its wake-up, so that a burst of events causes one pass."""
RETRY_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0
"""The longest pause that a busy API server may ask for. The liveness probe's patience bounds it."""
STANDBY_SECONDS = 5.0
SOON_SECONDS = 1.0
"""How long an event that frees no slot may wait for one that does, so that most passes serve both."""
GATHER_OUTCOMES_SECONDS = 0.1
"""The same for an outcome while nothing waits for a slot. The last outcome of a batch ends it, and that needs no free slot."""


class FencePort(Protocol):
    """The store's fence: who may write."""

    def acquire(self) -> int | None: ...
    def is_held(self) -> bool: ...
    def close(self) -> None: ...


class PassesPort(Protocol):
    def run(self) -> PassReport: ...
    def show_database_unavailable(self, message: str) -> None: ...


@dataclass(slots=True)
class LoopHealth:
    """What probes and metrics read. The loop writes it; the listening thread writes `last_listened_at`."""

    is_holder: bool = False
    last_turn_at: float = field(default_factory=time.monotonic)
    last_listened_at: float = field(default_factory=time.monotonic)
    """When the listening thread last waited for outcomes."""
    last_pass_at: datetime | None = None
    problem: str | None = "starting"
    refused: Mapping[str, str] = field(default_factory=dict)
    """Watched namespaces that the last pass could not list, with the reason. The others are served."""
    skew_seconds: float = 0.0
    """How many seconds the clock of Postgres is ahead of that of Kubernetes."""
    failing: Mapping[str, str] = field(default_factory=dict)
    """Batches whose last pass failed, by namespace and name, with the problem. Each is tried again; the others go on."""


@dataclass(slots=True)
class Loop:
    """Runs passes until stopped. `start_passes` creates what a pass needs when the fence is held, with its epoch."""

    fence: FencePort
    start_passes: Callable[[int], PassesPort]
    tick_seconds: float
    health: LoopHealth = field(default_factory=LoopHealth)
    clock: Callable[[], float] = time.monotonic
    _wake: threading.Event = field(default_factory=threading.Event)
    _wanted_lock: threading.Lock = field(default_factory=threading.Lock)
    _wanted_at: float = math.inf
    _not_before: float = -math.inf
    """No pass begins before this time, because the API server asked for a pause."""
    _stopping: threading.Event = field(default_factory=threading.Event)
    _passes: PassesPort | None = None
    _wants_slots: bool = True
    """Some batch would start a Job if it had a slot, by the last pass."""
    _told: bool = False
    _logged: str | None = None

    def wake(self, within_seconds: float = 0.0) -> None:
        """Request a pass within that time. Safe from any thread and cheap; many calls cause one pass."""
        with self._wanted_lock:
            self._wanted_at = min(self._wanted_at, self.clock() + within_seconds)
        self._wake.set()

    def wake_for_outcome(self) -> None:
        """Request a pass for an outcome: with the end of its Job, which mostly follows soon, if that helps somebody."""
        self.wake(SOON_SECONDS if self._wants_slots else GATHER_OUTCOMES_SECONDS)

    def beat(self) -> None:
        """Show that the current turn goes on, so that a long pass counts as alive."""
        self.health.last_turn_at = time.monotonic()

    def stop(self) -> None:
        """End after the current pass, if there is one. Then `run` returns."""
        self._stopping.set()
        self._wake.set()

    def stopping_within(self, seconds: float) -> bool:
        """Wait that long or until the loop is to end. Return whether it is."""
        return self._stopping.wait(seconds)

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def run(self) -> None:
        """Run turns until `stop`. This is the whole life of the thread."""
        try:
            while not self.is_stopping:
                self._sleep(self.turn())
        finally:
            self.health.is_holder = False
            self.fence.close()

    def _sleep(self, seconds: float) -> None:
        """Wait until the seconds are over, a pass is requested, or the end. Later requests belong to the next sleep."""
        end = self.clock() + seconds
        while not self.is_stopping:
            self._wake.clear()
            left = self.seconds_left(end)
            if left <= 0:
                time.sleep(GATHER_SECONDS)
                break
            self._wake.wait(left)
        with self._wanted_lock:
            self._wanted_at = math.inf

    def seconds_left(self, end: float) -> float:
        """Return the seconds until the next turn: at `end`, sooner if a pass is requested, but not during a pause."""
        return max(min(end, self._wanted_at), self._not_before) - self.clock()

    def turn(self) -> float:
        """Hold the fence, and do a pass. Return the seconds until the next turn is due."""
        self.health.last_turn_at = time.monotonic()
        try:
            if not self._hold_fence():
                return STANDBY_SECONDS
            assert self._passes is not None
            report = self._passes.run()
        except FenceLost as error:
            logger.error("fence lost: %s", error)
            self._drop(str(error))
            return 0.0
        except Unavailable as error:
            return self._unavailable(error)
        except PassOverdue as error:
            self._trouble(str(error))
            return 0.0
        except Exception as error:
            logger.exception("pass failed")
            self._trouble(f"{type(error).__name__}: {error}", sentence_of(error))
            return RETRY_SECONDS
        return self._done(report)

    def _hold_fence(self) -> bool:
        if self.health.is_holder and self.fence.is_held():
            return True
        if self.health.is_holder:
            self._drop("the fence's connection broke")
        epoch = self.fence.acquire()
        if epoch is None:
            self._passes = None  # what happens from now on is the other's to tell
            self._trouble("another operator of this installation holds the fence; standing by")
            return False
        logger.info("fence acquired", extra={"epoch": epoch})
        self._passes = self.start_passes(epoch)
        self.health.is_holder = True
        return True

    def _drop(self, problem: str) -> None:
        self.health.is_holder = False
        self._trouble(problem)
        self.fence.close()

    def _unavailable(self, error: Unavailable) -> float:
        was_holder = self._passes is not None
        is_database = not self._fence_answers()
        self._trouble(str(error), error.public)
        if is_database and was_holder and not self._told:
            self._tell(error.public if isinstance(error, DatabaseUnavailable) else DatabaseUnavailable().public)
        if isinstance(error, Busy):
            pause = min(max(RETRY_SECONDS, error.retry_after_seconds), LONGEST_PAUSE_SECONDS)
            self._not_before = self.clock() + pause
            return pause
        return RETRY_SECONDS

    def _fence_answers(self) -> bool:
        try:
            return self.fence.is_held()
        except Unavailable:
            return False

    def _tell(self, message: str) -> None:
        assert self._passes is not None
        try:
            self._passes.show_database_unavailable(message)
            self._told = True
        except Exception as error:
            is_known = isinstance(error, BackfleetError)
            logger.warning("cannot show that Postgres is away: %s", error, exc_info=not is_known)

    def _trouble(self, problem: str, shown: str | None = None) -> None:
        """Log a problem when it is new. Health shows what everybody may read of it."""
        if problem != self._logged:
            logger.warning("not working: %s", problem)
        self._logged = problem
        self.health.problem = shown or problem
        metrics.PASSES.labels(result="failed").inc()

    def _done(self, report: PassReport) -> float:
        self._told = False
        self._logged = self.health.problem = None
        self.health.last_pass_at = datetime.now(UTC)
        self._note_refused(report.refused)
        metrics.observe_pass(report)
        self._wants_slots = report.plan.wants_slots
        self.health.failing = report.failing
        self.health.skew_seconds = report.skew_seconds
        if report.due_seconds is None:
            return self.tick_seconds
        return min(self.tick_seconds, max(0.0, report.due_seconds))

    def _note_refused(self, refused: Mapping[str, str]) -> None:
        for namespace in self.health.refused.keys() - refused.keys():
            logger.info("the namespace answers again", extra={"namespace": namespace})
        for namespace in refused.keys() - self.health.refused.keys():
            logger.error("namespace left out: %s", refused[namespace], extra={"namespace": namespace})
        self.health.refused = dict(refused)

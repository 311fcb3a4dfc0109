"""One generated world: its surroundings, and one or two processes of the operator, which are turned by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from backfleet.controller.cluster import Cluster
from backfleet.controller.passes import PassReport
from backfleet.core.errors import FenceLost, Unavailable
from backfleet.store.postgres.fence import Fence
from tests.properties.world.facts import Facts
from tests.properties.world.monitor import Monitor, attempt_of
from tests.properties.world.process import Process, limits_for
from tests.properties.world.stage import PATIENT, PATIENT_SECONDS
from tests.properties.world.surroundings import Surroundings
from tests.world.answering import Severed
from tests.world.faults import Call

SHORTEST_STEP_SECONDS = 10.0
"""Events that are closer to each other than this are seen by one pass."""
SOON_SECONDS, LATER_STEP_SECONDS = 600.0, 30.0
"""Whatever takes longer than the first is looked at less often."""
LEASE_STEP_SECONDS = 20.0
"""Leases are renewed so often; a node without for 40 s is lost."""
LONGEST_STEP_SECONDS = 60.0
"""A longer time between two passes counts as blind for the operator."""


@dataclass
class World(Surroundings):
    """What the rules of the machine turn, and what its invariants look at."""

    processes: list[Process] = field(default_factory=list)
    started: int = 0
    holder: str = ""
    """Who took the fence last."""
    is_excused: bool = False
    """Something disturbs the pass: its errors prove nothing."""
    problems: list[str] = field(default_factory=list)
    """What must not be, as it was found."""
    report: PassReport | None = None
    """Of the last pass, unless time has passed since, or it did not come to its end."""
    due_seconds: float = 0.0
    interrupt: Callable[[], object] | None = None
    """What happens before the n-th call of a kind in the next pass: a GET or a write."""
    call_kind: str = ""
    calls_left: int = 0
    _facts: Facts | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.api.before_call, self.api.after_write = self._before_call, self._after_write
        overdue = timedelta(seconds=self.limits.overdue_seconds)
        self.monitor = Monitor(self.kube, self.limit, overdue, lambda moment: self.facts.recorded(moment))

    @property
    def facts(self) -> Facts:
        """The rows as they are now."""
        if self._facts is None:
            self._facts = Facts.read(self.stage.database, self.now)
        return self._facts

    # processes

    def start(self) -> Process:
        """Start a process of the operator, which remembers nothing."""
        self.started += 1
        token, settings = f"operator-{self.started}", self.settings
        fence = Fence(self.stage.fence_url, settings.installation, PATIENT)
        self.stage.database.fences.append(fence)
        process = Process(
            token=token,
            settings=settings,
            limits=limits_for(settings),
            cluster=Cluster(self.stage.client(token), PATIENT_SECONDS, self._clock),
            engine=lambda: self.stage.engine,
            fence=fence,
            clock=self._clock,
            note_holder=self._note_holder,
            is_severed=lambda: token in self.api.severed,
        )
        self.processes.append(process)
        return process

    def operator(self) -> Process:
        """Return the process that works, or would: a new one where none lives."""
        if not self.processes:
            return self.start()
        return next((each for each in self.processes if each.token == self.holder), self.processes[0])

    def restart(self) -> None:
        """End all processes, and begin a new one, with the settings of now."""
        for process in self.processes:
            process.die()
        self.processes.clear()
        self.start()

    def turn(self, process: Process | None = None) -> PassReport | None:
        """Turn a process once, and let the world settle. The report of its pass, if that came to its end."""
        process = process or self.operator()
        self.report = self._turn(process)
        self.kube.settle()
        self._look()
        return self.report

    def _turn(self, process: Process) -> PassReport | None:
        self.monitor.begin_pass()
        before, sent, there = len(self.api.calls), self.api.sent, len(self.kube.objects.stored)
        self.due_seconds = process.turn()
        self._bury()
        self._check_errors(process)
        calls = [call for call in self.api.calls[before:] if call.token == process.token]
        self._note_turn(process, self.api.sent - sent)
        if process.report is not None:
            self._check_reads(calls, self.api.sent - sent, there)
        return process.report

    def _note_turn(self, process: Process, sent: int) -> None:
        report = process.report
        how = type(process.error).__name__ if report is None else (len(report.plan.batches), sorted(report.errors))
        self.trace.note("turn", process.token, self.now, self.due_seconds, process.is_alive, how, sent)

    def _check_errors(self, process: Process) -> None:
        if process.has_defect:
            self.problems.append(f"a pass failed: {process.error!r}")
        is_surprised = process.has_lost_fence and isinstance(process.error, FenceLost)
        is_excused = self.is_excused or is_surprised
        if process.is_alive and not is_excused and isinstance(process.error, Unavailable):
            self.problems.append(f"a pass that nothing disturbed did not come to its end: {process.error!r}")
        if process.report is not None and not self.is_excused and process.report.errors:
            self.problems.append(f"batches failed in a pass that nothing disturbed: {process.report.errors}")

    def _check_reads(self, calls: Sequence[Call], sent: int, there: int) -> None:
        """Check that reads follow from what lives: lists of each namespace, one Job for each live attempt or refused write."""
        reads = len([call for call in calls if call.method == "GET"])
        objects = there + len(self.kube.objects.stored)
        live = len([each for each in self.facts.attempts if each["state"] in ("launching", "running")])
        most = 6 * len(self.namespaces) + 5 + live + 2 * (len(calls) - reads)
        if reads > most:
            self.problems.append(f"{reads} reads in one pass, at most {most} are needed")
        if sent > 4_000 * len(calls) + 16_000 * objects:
            self.problems.append(f"{sent} bytes in one pass, with {len(calls)} calls and {objects} objects")

    def _look(self) -> None:
        self._facts = None
        for change in self.monitor.look():
            self.trace.note_change(change)

    def _bury(self) -> None:
        self.processes = [each for each in self.processes if each.is_alive]

    def _note_holder(self, token: str) -> None:
        self.holder = token

    def _clock(self) -> float:
        """Return the seconds of every process: those of the world, so that the speed of this machine changes nothing."""
        return self.now.timestamp()

    # what the API server tells

    def _before_call(self, call: Call) -> None:
        self.trace.note_call(call)
        if self.interrupt is None or not call.token.startswith("operator-"):
            return
        self.calls_left -= (call.method == "GET") == (self.call_kind == "GET")
        if self.calls_left > 0:
            return
        act, self.interrupt = self.interrupt, None
        try:
            act()
        except Exception as error:  # this is the server's thread: the machine's own would not hear of it
            self.problems.append(f"in the middle of a pass: {error!r}")

    def _after_write(self, call: Call) -> None:
        process = next((each for each in self.processes if each.token == call.token), None)
        if call.method == "POST" and call.path.endswith("/jobs") and call.token != self.holder:
            self.monitor.late.add(attempt_of(call.body))
        if process is not None and process.count_write():
            self.api.severed.add(process.token)
            raise Severed

    # time

    def advance(self, seconds: float) -> None:
        """Time passes, for everybody but the operator: from one moment to the next at which a kubelet has something to do."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            left = (end - self.now).total_seconds()
            step = min(left, LEASE_STEP_SECONDS, max(0.5, self._seconds_to_kubelet()))
            self.kube.advance(step, step)
        self.report = None
        self._look()

    def step(self, least: float = SHORTEST_STEP_SECONDS) -> None:
        """Let time pass to the next moment at which the operator or a kubelet has something to do."""
        due = self.due_seconds if self.due_seconds > 0 else LONGEST_STEP_SECONDS
        ahead = min(due, self._seconds_to_kubelet(), LONGEST_STEP_SECONDS)
        self.advance(max(least, ahead))

    def _seconds_to_kubelet(self) -> float:
        lives = self.kube.kubelet.lives.values()
        ahead = ((run.due_at - self.now).total_seconds() for run in lives if run.step is not None)
        return min((each for each in ahead if each > 0), default=LONGEST_STEP_SECONDS)

    def run(self, until: Callable[[], bool], seconds: float) -> bool:
        """Turn and let time pass until something holds; return False if it does not within these seconds."""
        began = self.now
        while True:
            self.turn()
            if until():
                return True
            spent = (self.now - began).total_seconds()
            if spent >= seconds:
                return False
            self.step(SHORTEST_STEP_SECONDS if spent < SOON_SECONDS else LATER_STEP_SECONDS)

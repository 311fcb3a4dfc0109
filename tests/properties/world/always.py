"""What holds after every step of every world, whatever happens in it; each check has a name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from backfleet.controller.passes import PassReport
from backfleet.core.backtests import attempt_id
from backfleet.core.planning.observation import Limits
from tests.properties.world import facts, pack_facts
from tests.properties.world.monitor import Monitor, attempt_of
from tests.properties.world.process import Memory, Process
from tests.world.kubernetes_world import KubernetesWorld


def check_none(found: Iterable[str]) -> None:
    """Raise AssertionError with what was found."""
    sentences = [*found]
    assert not sentences, "; ".join(sentences)


class Seen(Protocol):
    """What the checks look at: a world."""

    limits: Limits
    problems: list[str]
    monitor: Monitor
    report: PassReport | None
    processes: list[Process]
    kube: KubernetesWorld

    @property
    def facts(self) -> facts.Facts: ...
    @property
    def batches(self) -> Mapping[str, Any]: ...


@dataclass
class Always:
    """The checks of one world."""

    world: Seen
    succeeded: dict[str, str] = field(default_factory=dict)
    """The attempt that each backtest had succeeded with at the last look."""

    def check(self) -> None:
        """Raise AssertionError for the first check that does not hold."""
        for each in CHECKS:
            each(self)

    def nothing_happens_that_must_not(self) -> None:
        check_none(self.world.problems)

    def never_above_a_limit_and_never_an_index_twice_at_once(self) -> None:
        check_none(self.world.monitor.violations)

    def every_job_has_its_row(self) -> None:
        names = {each["job_name"] for each in self.world.facts.attempts}
        jobs = {each["metadata"]["name"] for each in self.world.monitor.jobs.values()}
        check_none(f"{name} has no row" for name in sorted(jobs - names))

    def nothing_runs_after_its_outcome(self) -> None:
        starts = self.world.monitor.engines
        recorded = {each["attempt_id"]: each["recorded_at"] for each in self.world.facts.outcomes}
        for key, moments in starts.items():
            last = max(moments)
            assert last <= recorded.get(attempt_id(*key), last), f"{attempt_id(*key)} started again after its outcome"

    def succeeded_never_changes(self) -> None:
        now = self.world.facts.succeeded
        check_none(f"{each} had succeeded" for each, by in self.succeeded.items() if now.get(each) != by)
        self.succeeded = now

    def counters_add_up(self) -> None:
        check_none(facts.wrong_counters(self.world.facts))

    def attempts_follow_each_other(self) -> None:
        check_none(facts.repeated_attempts(self.world.facts))

    def every_end_is_explained(self) -> None:
        check_none(facts.unexplained_ends(self.world.facts))

    def packs_count_their_members(self) -> None:
        check_none(pack_facts.wrong_packs(self.world.facts))

    def only_what_an_attempt_caused_is_charged(self) -> None:
        check_none(pack_facts.wrong_charges(self.world.facts))

    def who_killed_a_pack_runs_alone(self) -> None:
        check_none(pack_facts.wrong_suspects(self.world.facts, self.world.monitor.named))

    def no_job_that_is_there_has_vanished(self) -> None:
        monitor = self.world.monitor
        jobs = (job for job in monitor.jobs.values() if attempt_of(job) not in monitor.late)
        check_none(pack_facts.vanished_in_vain(self.world.facts, jobs))

    def nothing_runs_after_its_success(self) -> None:
        check_none(facts.runs_after_success(self.world.facts))

    def no_wait_outlives_its_deadline(self) -> None:
        check_none(facts.waits_without_end(self.world.facts, self.world.limits))

    def no_attempt_outlives_its_hard_deadline(self) -> None:
        report = self.world.report
        if report is not None and not report.failing:
            batches = self.world.batches.items()
            listed = {uid for uid, batch in batches if batch["metadata"]["namespace"] not in report.refused}
            check_none(facts.overdue_attempts(self.world.facts, self.world.limits, listed))

    def memory_is_bounded_by_what_lives(self) -> None:
        for process in self.world.processes:
            if process.passes is not None and process.report is not None:
                sizes = Memory.of(process.passes).sizes
                most = (
                    len(self.world.kube.objects.stored) + len(self.world.facts.attempts) + len(self.world.facts.batches)
                )
                assert max(sizes.values()) <= most, sizes


CHECKS = (
    Always.nothing_happens_that_must_not,
    Always.never_above_a_limit_and_never_an_index_twice_at_once,
    Always.every_job_has_its_row,
    Always.nothing_runs_after_its_outcome,
    Always.succeeded_never_changes,
    Always.counters_add_up,
    Always.attempts_follow_each_other,
    Always.every_end_is_explained,
    Always.packs_count_their_members,
    Always.only_what_an_attempt_caused_is_charged,
    Always.who_killed_a_pack_runs_alone,
    Always.no_job_that_is_there_has_vanished,
    Always.nothing_runs_after_its_success,
    Always.no_wait_outlives_its_deadline,
    Always.no_attempt_outlives_its_hard_deadline,
    Always.memory_is_bounded_by_what_lives,
)

"""What one team's batches, or the cluster's owners, may do to everybody: each kind as rules to be added to the machine."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from backfleet.core import wire
from backfleet.core.backtests import Outcome
from backfleet.core.reasons import FailureReason
from tests.properties.machine import BATCHES, MEANWHILE, OperatorMachine
from tests.support.faults import ENGINES, NAMESPACES, Problem, Silence
from tests.support.operator import failure, result

REASONS = st.sampled_from([FailureReason.ENGINE_ERROR, FailureReason.ENGINE_CRASH, FailureReason.BACKTEST_TIMEOUT])
WAYS = ["vanish", "oom", "silent", "deadline", "start", "evicted", "overfull", "unrecorded"]
ENDS = st.sampled_from(["not begun", "killed", "broken", "vanished", "goes on"])
NOT_BEGUN = failure(FailureReason.NOT_BEGUN, "its pack's time was over")
ENDINGS = st.sampled_from([result(1.5), failure()])
CRITERIA = st.sampled_from(
    [
        {},
        {"minSharpe": 1.0},
        {"minSharpe": 2.0, "minTrades": 3},
        {"minSharpe": 2.0, "maxTrades": 4},
        {"maxDrawdown": 0.5},
        None,
        {"minTrades": 9, "maxTrades": 5},
        {"minSharpe": "high"},
    ]
)
"""What people write into a running batch; None takes the batch's own criteria away, the last two are not valid."""

SILENCES = st.sampled_from([*Silence, Silence.CREATE_LOST, Silence.CREATE_DONE])


class EverydayTroubles(OperatorMachine):
    """Backtests succeed and fail, Jobs are lost, outcomes and commits come late, criteria are edited, batches are given up."""

    @rule()
    def a_commit_arrives_late(self) -> None:
        self.world.rows.is_slow = True
        self.world.try_turn()

    @precondition(lambda self: self.world.healthy_jobs)
    @rule(data=st.data(), ends=st.booleans(), sharpe=st.sampled_from([None, 0.5, 1.0, 2.5]))
    def a_backtest_succeeds(self, data: st.DataObject, ends: bool, sharpe: float | None) -> None:
        self.world.record(data.draw(st.sampled_from(self.world.healthy_jobs)), result(sharpe), ends=ends)

    @precondition(lambda self: self.world.healthy_jobs)
    @rule(data=st.data(), reason=REASONS)
    def a_backtest_fails(self, data: st.DataObject, reason: FailureReason) -> None:
        self.world.record(data.draw(st.sampled_from(self.world.healthy_jobs)), failure(reason))

    @precondition(lambda self: self.world.healthy_jobs)
    @rule(data=st.data(), how=st.sampled_from(WAYS))
    def something_happens_to_a_job(self, data: st.DataObject, how: str) -> None:
        cluster = self.world.cluster
        job = data.draw(st.sampled_from(self.world.healthy_jobs))
        match how:
            case "vanish":
                cluster.vanish(job)
            case "oom":
                cluster.end_job(job, failed=True, engine={"exitCode": 137, "reason": "OOMKilled"})
            case "evicted":
                cluster.evict(job, "The node was low on resource: ephemeral-storage. ")
            case "overfull":
                cluster.evict(job, 'Usage of EmptyDir volume "results" exceeds the limit "256Mi". ')
            case "unrecorded":
                cluster.end_job(job, failed=True, recorder={"exitCode": wire.RECORDER_EXIT_GAVE_UP})
            case "silent":
                cluster.end_job(job, failed=False)
            case "deadline":
                cluster.exceed_deadline(job)
            case "start":
                cluster.start_engine(job)

    @precondition(lambda self: self.world.healthy_jobs)
    @rule(data=st.data(), count=st.integers(0, 4), ending=ENDINGS, how=ENDS)
    def a_job_ends_in_part(self, data: st.DataObject, count: int, ending: Outcome, how: str) -> None:
        """Some members are recorded; then the recorder has no word of the others, or says that they were not begun."""
        cluster = self.world.cluster
        job = data.draw(st.sampled_from(self.world.healthy_jobs))
        rest = len(self.world.members_of(job)) - count
        not_begun = [NOT_BEGUN] * (max(rest, 0) if count and how == "not begun" else 0)
        self.world.append(job, *[ending] * count, *not_begun)
        match how:
            case "not begun":
                cluster.end_job(job, failed=False)
            case "killed":
                word = {"message": str(count)}
                cluster.end_job(job, failed=True, engine={"exitCode": 137, "reason": "OOMKilled", **word})
            case "broken":
                cluster.end_job(job, failed=True, recorder={"exitCode": 1})
            case "vanished":
                cluster.vanish(job)
            case "goes on":
                cluster.start_engine(job)

    @precondition(lambda self: self.world.rows.attempts)
    @rule(data=st.data())
    def a_late_outcome_arrives(self, data: st.DataObject) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.world.rows.attempts)))
        self.world.rows.append_outcome(attempt, result())

    @precondition(lambda self: self.world.cluster.batches)
    @rule(data=st.data(), criteria=CRITERIA)
    def its_criteria_are_edited(self, data: st.DataObject, criteria: dict | None) -> None:
        self.world.cluster.edit_batch(self.draw_batch(data), successCriteria=criteria)

    @precondition(lambda self: self.world.cluster.batches)
    @rule(data=st.data(), cancel=st.booleans())
    def a_batch_is_given_up(self, data: st.DataObject, cancel: bool) -> None:
        uid = self.draw_batch(data)
        if cancel:
            self.world.cluster.edit_batch(uid, cancel=True)
        else:
            self.world.cluster.delete_batch(uid)


class EngineTroubles(OperatorMachine):
    """An engine is taken out of the settings, and put back."""

    @precondition(lambda self: self.world.cluster.batches)
    @rule(data=st.data(), seconds=st.sampled_from([0, 61]))
    def the_engine_of_a_batch_is_taken_out(self, data: st.DataObject, seconds: float) -> None:
        engine = self.world.cluster.batches[self.draw_batch(data)]["spec"]["engine"]["name"]
        self.world.try_turn()
        self.world.engines = ENGINES - {engine}
        self.world.restart()
        self.world.pass_time(seconds)

    @precondition(lambda self: len(self.world.engines) < len(ENGINES))
    @rule()
    def all_engines_are_put_back(self) -> None:
        self.world.engines = ENGINES
        self.world.restart()


class RefusalTroubles(OperatorMachine):
    """A namespace has a quota of Jobs, or an admission webhook that refuses them; both are lifted again."""

    @rule(namespace=st.sampled_from(NAMESPACES), count=st.integers(0, 2))
    def a_quota_is_set(self, namespace: str, count: int) -> None:
        self.world.cluster.quotas[namespace] = count

    @rule(namespace=st.sampled_from(NAMESPACES))
    def jobs_are_refused(self, namespace: str) -> None:
        self.world.cluster.denials.add(namespace)

    @precondition(lambda self: self.world.cluster.quotas or self.world.cluster.denials)
    @rule(namespace=st.sampled_from(NAMESPACES))
    def a_namespace_is_open_again(self, namespace: str) -> None:
        self.world.cluster.admit_all(namespace)


class EditTroubles(OperatorMachine):
    """People suspend, resume and scale batches at the same time, while Jobs are refused for a moment."""

    @rule(data=st.data(), meanwhile=MEANWHILE)
    def jobs_are_refused_for_one_pass(self, data: st.DataObject, meanwhile: dict | None) -> None:
        with self.world.refusing_jobs():
            self.world.try_turn()
            self.edit_some_batch(data, meanwhile)
        self.world.try_turn()

    @rule(data=st.data(), batch=BATCHES, seconds=st.sampled_from([15, 20, 61]))
    def a_batch_is_suspended_before_its_jobs_are_there(
        self, data: st.DataObject, batch: dict[str, Any], seconds: float
    ) -> None:
        """Refuse the Jobs of a batch, let another one use the slots meanwhile, and resume the first."""
        uid = self.add(**batch) if self.has_room else self.draw_batch(data)
        self.world.cluster.edit_batch(uid, suspend=False)
        with self.world.refusing_jobs():
            self.world.try_turn()
        self.world.cluster.edit_batch(uid, suspend=True)
        other = self.add_good_batch(9)
        for _ in range(3):
            self.world.try_turn()
            self.world.pass_time(seconds)
        self.world.try_turn()
        self.world.cluster.edit_batch(uid, suspend=False)
        self.world.try_turn()
        self.world.cluster.delete_batch(other)

    @precondition(lambda self: self.world.cluster.batches)
    @rule(data=st.data(), count=st.integers(1, 3))
    def batches_are_suspended_and_resumed_between_passes(self, data: st.DataObject, count: int) -> None:
        for _ in range(count):
            self.world.try_turn()
            self.suspend_or_resume(self.draw_batch(data))
        self.world.try_turn()


class StartTroubles(OperatorMachine):
    """The pods of a batch do not start, or their recorder does not; somebody repairs it."""

    @precondition(lambda self: self.world.cluster.batches)
    @rule(data=st.data(), problem=st.sampled_from(Problem))
    def pods_of_a_batch_do_not_start(self, data: st.DataObject, problem: Problem) -> None:
        self.world.cluster.problems[self.draw_batch(data)] = problem

    @precondition(lambda self: self.has_room)
    @rule(batch=BATCHES, problem=st.sampled_from(Problem))
    def a_batch_is_applied_whose_pods_do_not_start(self, batch: dict[str, Any], problem: Problem) -> None:
        self.world.cluster.problems[self.add(**batch)] = problem

    @precondition(lambda self: self.world.cluster.problems)
    @rule(data=st.data())
    def its_problem_is_fixed(self, data: st.DataObject) -> None:
        del self.world.cluster.problems[data.draw(st.sampled_from(sorted(self.world.cluster.problems)))]


class SilenceTroubles(OperatorMachine):
    """The API server does not answer, or what it did is not known."""

    @rule(silence=SILENCES, seconds=st.sampled_from([3, 61, 700, 700]))
    def no_answer_comes(self, silence: Silence, seconds: float) -> None:
        self.world.cluster.be_silent(silence)
        self.world.try_turn()
        self.world.pass_time(seconds)
        self.world.try_turn()

    @precondition(lambda self: self.has_room)
    @rule(batch=BATCHES, silence=st.sampled_from([Silence.CREATE_LOST, Silence.CREATE_DONE]))
    def a_batch_is_applied_while_no_answer_comes(self, batch: dict[str, Any], silence: Silence) -> None:
        self.world.cluster.be_silent(silence)
        self.add(**batch)
        self.world.try_turn()
        self.world.pass_time(700)
        self.world.try_turn()

    @precondition(lambda self: self.world.cluster.silence)
    @rule()
    def answers_come_again(self) -> None:
        self.world.cluster.be_silent(None)


class ClockTroubles(EverydayTroubles, StartTroubles):
    """The clock of Postgres is wrong from the beginning; every node is there."""

    @invariant()
    def no_job_is_taken_for_one_of_a_lost_node(self) -> None:
        reasons = {attempt.reason for attempt in self.world.rows.attempts.values()}
        assert FailureReason.NODE_LOST not in reasons

    @initialize(limit=st.integers(1, 3), batch=BATCHES, seconds=st.sampled_from([-86_400, -3_600, 7, 3_600, 86_400]))
    def begin(self, limit: int, batch: dict[str, Any], seconds: float) -> None:
        super().begin(limit, batch)
        self.world.skew_seconds = seconds
        self.world.tick(0)


class StrangerTroubles(OperatorMachine):
    """Pods that carry our labels, and that none of our Jobs has made, sleep in a watched namespace."""

    @rule(namespace=st.sampled_from(NAMESPACES), count=st.integers(1, 3))
    def strangers_carry_our_labels(self, namespace: str, count: int) -> None:
        for index in range(count):
            self.world.cluster.add_foreign_pod(namespace, self.labels_of_ours("nobody", index))

    @precondition(lambda self: self.world.rows.attempts)
    @rule(data=st.data())
    def a_stranger_names_an_attempt_of_ours(self, data: st.DataObject) -> None:
        attempt = self.world.rows.attempts[data.draw(st.sampled_from(sorted(self.world.rows.attempts)))]
        namespace = self.world.rows.batches[attempt.batch_uid].namespace
        self.world.cluster.add_foreign_pod(namespace, self.labels_of_ours(attempt.batch_uid, attempt.index))

    def labels_of_ours(self, uid: str, index: int) -> dict[str, str]:
        return {
            wire.LABEL_NAME: wire.MANAGED_BY,
            wire.LABEL_MANAGED_BY: wire.MANAGED_BY,
            wire.LABEL_COMPONENT: wire.COMPONENT_BACKTEST,
            wire.LABEL_BATCH_UID: uid,
            wire.LABEL_INDEX: str(index),
            wire.LABEL_ATTEMPT: "1",
        }


class EveryTrouble(EverydayTroubles, EngineTroubles, RefusalTroubles, StartTroubles, SilenceTroubles, StrangerTroubles):
    """All of them in one world."""

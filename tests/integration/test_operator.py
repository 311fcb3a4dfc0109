"""The operator's real pass over a real Postgres: crashes at every boundary, late recorders, a fence lost, Postgres away."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from sqlalchemy import Engine, text

from backfleet.controller.failing import FIRST_SECONDS
from backfleet.core.backtests import Failure, Recorded
from backfleet.core.changes import BatchChanges
from backfleet.core.errors import FenceLost, Unavailable
from backfleet.core.planning.effects import Effect
from backfleet.core.reasons import FailureReason
from backfleet.core.records import Catalog, StoreView
from backfleet.recorder.appending import INSERT, row
from backfleet.store.passes.observe import job_names, observe
from backfleet.store.passes.save import save
from backfleet.store.passes.strategies import load_catalog
from backfleet.store.postgres.fence import Fence
from backfleet.store.postgres.session import open_engine
from tests.support.cluster import FakeCluster
from tests.support.databases import Database
from tests.support.operator import Operator, batch_spec, failure, result, values

INSTALLATION = "research/backfleet"


@dataclass
class StoreRows:
    """The real store behind the verbs of a pass."""

    engine: Engine
    epoch: int

    def observe(self, uids: Collection[str]) -> StoreView:
        return observe(self.engine, INSTALLATION, uids)

    def save(self, changes: BatchChanges) -> None:
        save(self.engine, INSTALLATION, self.epoch, changes)

    def catalog(self) -> Catalog:
        return load_catalog(self.engine)

    def job_names(self, ids: Collection[str]) -> dict[str, str]:
        return job_names(self.engine, ids)


class Crash(BaseException):
    """The process is gone between two effects."""


@dataclass
class Scene:
    """A fake cluster over a real database; the clock is the database's."""

    database: Database
    engine: Engine
    fence: Fence
    rows: StoreRows
    cluster: FakeCluster
    operator: Operator

    def restart(self, checkpoint: Callable[[Effect], None] = lambda _: None) -> None:
        """A new process: a new epoch, and nothing remembered."""
        epoch = self.fence.acquire()
        assert epoch is not None
        self.rows = StoreRows(self.engine, epoch)
        self.operator = Operator(self.cluster, self.rows, checkpoint=checkpoint)

    def record(self, job: str, recorded: Recorded) -> None:
        env = self.cluster.jobs[job]["spec"]["template"]["spec"]["containers"][0]["env"]
        attempt = next(each["value"] for each in env if each["name"] == "BACKFLEET_ATTEMPT_ID")
        connection = psycopg2.connect(self.database.recorder_url)
        with connection, connection.cursor() as cursor:
            cursor.execute(INSERT, row(attempt, recorded))
        connection.close()
        self.cluster.end_job(job, failed=isinstance(recorded.outcome, Failure))

    def ends(self, uid: str) -> dict[int, tuple[str, float | None]]:
        """State and Sharpe ratio of every backtest, by index."""
        statement = """
            SELECT j.index, j.state, r.metrics->>'sharpe_ratio' FROM backtest_jobs j
            LEFT JOIN backtest_results r ON r.backtest_id = j.id WHERE j.batch_uid = :uid"""
        with self.engine.connect() as connection:
            found = connection.execute(text(statement), {"uid": uid}).all()
        assert len({index for index, _, _ in found}) == len(found)
        return {index: (state, None if sharpe is None else float(sharpe)) for index, state, sharpe in found}

    def verdicts(self, uid: str) -> dict[int, tuple[bool, int]]:
        """Whether each result passed and by which version of the criteria, after a check that the counter agrees."""
        statement = "SELECT index, passed, criteria_version FROM backtest_results WHERE batch_uid = :uid"
        counters = "SELECT passed, stale_verdicts, criteria_version FROM optimization_batches WHERE uid = :uid"
        with self.engine.connect() as connection:
            found = connection.execute(text(statement), {"uid": uid}).all()
            passed, stale, version = connection.execute(text(counters), {"uid": uid}).one()
        assert passed == sum(row.passed for row in found)
        assert stale == sum(row.criteria_version < version for row in found)
        return {index: (passed, version) for index, passed, version in found}

    def judge_all(self, uid: str) -> None:
        generation = self.cluster.batches[uid]["metadata"]["generation"]
        for _ in range(10):
            self.operator.passes.applier.memory.status_written_at.clear()
            self.operator.turn()
            told = self.cluster.condition(uid, "VerdictsCurrent")
            if (told.get("status"), told.get("observedGeneration")) == ("True", generation):
                return
        raise AssertionError("the results were not judged")

    def run_all(self, uid: str, outcome: Callable[[str], Recorded]) -> None:
        for _ in range(60):
            self.operator.turn()
            active = self.cluster.active_jobs
            if not active and self.cluster.condition(uid, "Finished").get("status") == "True":
                return
            for job in active:
                self.record(job, outcome(job))
        raise AssertionError("the batch did not finish")


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    engine = open_engine(database.operator_url, application_name="test-operator")
    fence = Fence(database.operator_url, INSTALLATION)
    epoch = fence.acquire()
    assert epoch is not None
    rows = StoreRows(engine, epoch)
    cluster = FakeCluster(now=datetime.now(UTC))
    yield Scene(database, engine, fence, rows, cluster, Operator(cluster, rows))
    fence.close()
    engine.dispose()


def value_of(job: str) -> Recorded:
    """A result that depends on the index alone; index 2 fails."""
    index = int(job.split("-")[-2])
    return failure(FailureReason.ENGINE_ERROR) if index == 2 else result(float(index))


EXPECTED = {index: ("succeeded", float(index)) for index in range(5)} | {2: ("failed", None)}


def test_a_batch_runs_to_its_end_with_every_row(scene: Scene) -> None:
    uid = scene.cluster.add_batch(batch_spec(parameters=values(5)))
    scene.run_all(uid, value_of)
    assert scene.ends(uid) == EXPECTED
    assert scene.cluster.condition(uid, "Complete")["reason"] == "CompletedWithFailures"


def test_killed_before_any_single_effect_it_ends_the_same(scene: Scene) -> None:
    """The process dies once, before the effect of each number in turn, and a new one goes on."""
    crashes = 0
    for crash_at in range(100):
        left = [crash_at]

        def checkpoint(_: Effect, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == -1:
                raise Crash

        uid = scene.cluster.add_batch(batch_spec(parameters=values(5)), name=f"crash-at-{crash_at}")
        scene.restart(checkpoint)
        try:
            scene.run_all(uid, value_of)
        except Crash:
            crashes += 1
            scene.restart()
            scene.run_all(uid, value_of)
        assert scene.ends(uid) == EXPECTED, f"killed before effect {crash_at}"
        assert len(scene.cluster.created) == len(set(scene.cluster.created)) == 5 * (crash_at + 1)
        assert scene.cluster.most_alive <= 4
        if left[0] >= 0:
            break
    assert crashes >= 10


def test_an_older_operator_cannot_write_once_another_took_over(scene: Scene) -> None:
    old = scene.operator
    scene.cluster.add_batch(batch_spec())
    scene.restart()
    with pytest.raises(FenceLost):
        old.turn()
    assert scene.cluster.created == []


def test_postgres_away_is_unavailable_and_recovers(scene: Scene) -> None:
    uid = scene.cluster.add_batch(batch_spec(parameters=values(5)))
    scene.operator.turn()
    scene.database.server.stop()
    try:
        with pytest.raises(Unavailable):
            scene.operator.turn()
        scene.operator.passes.tell_database_unavailable("Postgres does not answer")
        assert scene.cluster.condition(uid, "DatabaseUnavailable")["status"] == "True"
    finally:
        scene.database.server.start()
    scene.restart()
    scene.run_all(uid, value_of)
    assert scene.ends(uid) == EXPECTED
    assert scene.cluster.condition(uid, "DatabaseUnavailable") == {}


def test_a_space_of_a_million_is_accepted_at_once_and_costs_no_rows(scene: Scene) -> None:
    axes = [
        {"name": n, "type": "int", "range": {"start": 1, "end": 100, "step": 1}}
        for n in ("value", "sleep_seconds", "trades")
    ]
    uid = scene.cluster.add_batch(batch_spec(parameters=axes, suspend=True))
    scene.operator.turn()
    assert scene.cluster.batches[uid]["status"]["total"] == 1_000_000
    assert scene.ends(uid) == {}


def test_a_space_that_counting_finds_empty_is_refused_and_may_be_mended(scene: Scene) -> None:
    scene.operator.passes.limits = replace(scene.operator.passes.limits, walk_budget=2)
    uid = scene.cluster.add_batch(batch_spec(parameters=values(5), constraints=["value > 100"]))
    for _ in range(4):
        scene.operator.turn()
    assert scene.cluster.condition(uid, "Finished")["reason"] == "SpecInvalid"
    scene.cluster.edit_batch(uid, constraints=["value > 0"])
    scene.run_all(uid, value_of)
    assert scene.ends(uid) == EXPECTED


ABOVE_TWO = {index: (index >= 2, 2) for index in (0, 1, 3, 4)}


def test_edited_criteria_judge_a_finished_batch_anew(scene: Scene) -> None:
    uid = scene.cluster.add_batch(batch_spec(parameters=values(5)))
    scene.run_all(uid, value_of)
    jobs = scene.cluster.created[:]
    scene.cluster.edit_batch(uid, successCriteria={"minSharpe": 2})
    scene.judge_all(uid)
    assert scene.verdicts(uid) == ABOVE_TWO
    assert scene.ends(uid) == EXPECTED
    shown = scene.cluster.batches[uid]["status"]
    assert (shown["passed"], shown["succeeded"], shown["state"]) == (2, 4, "CompletedWithFailures")
    assert scene.cluster.condition(uid, "Finished")["status"] == "True"
    del scene.cluster.batches[uid]["spec"]["successCriteria"]
    scene.cluster.edit_batch(uid)
    scene.judge_all(uid)
    # The catalog's default needs 100 trades.
    assert scene.verdicts(uid) == dict.fromkeys((0, 1, 3, 4), (False, 3))
    assert scene.cluster.created == jobs
    reasons = [event["reason"] for event in scene.cluster.events.values()]
    assert (reasons.count("CriteriaChanged"), reasons.count("Rejudged")) == (2, 2)


def test_killed_before_any_single_effect_of_an_edit_every_verdict_is_new(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results in chunks of two, and a process that dies once before the effect of each number in turn."""
    monkeypatch.setattr("backfleet.store.passes.observe.STALE_PER_LOOK", 2)
    monkeypatch.setattr("backfleet.store.passes.observe.LEAST_SHARE", 2)
    crashes = 0
    for crash_at in range(20):
        left = [crash_at]

        def checkpoint(_: Effect, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == -1:
                raise Crash

        uid = scene.cluster.add_batch(batch_spec(parameters=values(5)), name=f"edit-at-{crash_at}")
        scene.run_all(uid, value_of)
        scene.cluster.edit_batch(uid, successCriteria={"minSharpe": 2})
        scene.restart(checkpoint)
        try:
            scene.judge_all(uid)
        except Crash:
            crashes += 1
            scene.verdicts(uid)
            scene.restart()
            scene.judge_all(uid)
        assert scene.verdicts(uid) == ABOVE_TWO, f"killed before effect {crash_at}"
        assert scene.ends(uid) == EXPECTED
        if left[0] >= 0:
            break
    assert crashes >= 5


def test_outcomes_that_come_while_others_are_judged_anew_are_judged_by_the_new_criteria(scene: Scene) -> None:
    uid = scene.cluster.add_batch(batch_spec(parameters=values(5)))
    scene.operator.turn()
    scene.record(scene.cluster.active_jobs[0], value_of(scene.cluster.active_jobs[0]))
    scene.operator.turn()
    assert scene.verdicts(uid) == {0: (True, 1)}
    scene.cluster.edit_batch(uid, successCriteria={"minSharpe": 2})
    for job in scene.cluster.active_jobs:
        scene.record(job, value_of(job))
    scene.operator.turn()
    assert scene.verdicts(uid) == {0: (True, 1), 1: (False, 2), 3: (True, 2), 4: (True, 2)}
    scene.run_all(uid, value_of)
    assert scene.verdicts(uid) == ABOVE_TWO


def test_a_commit_that_the_server_carries_out_late_is_never_counted_twice(scene: Scene) -> None:
    """The client gives up on a save, the next pass plans on what it sees, and then the first save is carried out after all."""
    uid = scene.cluster.add_batch(batch_spec(parameters=values(5)))
    scene.operator.turn()
    first = scene.cluster.active_jobs[0]
    scene.record(first, value_of(first))
    given_up: list[BatchChanges] = []
    save_now = scene.rows.save

    def give_up(changes: BatchChanges) -> None:
        given_up.append(changes)
        raise Unavailable("saving did not end in time")

    def carry_out_late(changes: BatchChanges) -> None:
        while given_up:
            save_now(given_up.pop())
        save_now(changes)

    applier = scene.operator.passes.applier
    applier.save = give_up
    assert "saving did not end in time" in scene.operator.turn().errors[uid]
    applier.save = carry_out_late
    scene.cluster.now += timedelta(seconds=FIRST_SECONDS)
    assert "planned on version" in scene.operator.turn().errors[uid]
    assert scene.verdicts(uid) == {0: (True, 1)}
    scene.cluster.now += timedelta(seconds=2 * FIRST_SECONDS)
    scene.run_all(uid, value_of)
    assert scene.ends(uid) == EXPECTED
    assert len(scene.cluster.created) == 5
    shown = scene.cluster.batches[uid]["status"]
    assert (shown["succeeded"], shown["failed"], shown["passed"]) == (4, 1, 4)

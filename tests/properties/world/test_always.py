"""Each check of `always.py` and `machine.py` fails for a world that breaks it: a check that cannot fail shows nothing."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from backfleet.core.backtests import attempt_id
from backfleet.core.planning.observation import Limits
from tests.properties.world import always
from tests.properties.world.always import CHECKS, Always
from tests.properties.world.facts import Facts
from tests.world.clock import START

NOW = START + timedelta(hours=1)
UID = "uid"
Case = Callable[["Broken"], object]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def attempt(index: int, number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return the row of an attempt that has ended well, in a pack of its own."""
    own = attempt_id(UID, index, number)
    row = {
        "attempt_id": own,
        "backtest_id": f"{UID}-{index}",
        "batch_uid": UID,
        "number": number,
        "index": index,
        "launched_at": at(100 * number),
        "ended_at": at(100 * number + 50),
        "reason": None,
        "is_charged": None,
        "pack_id": own,
        "size": 1,
        "job_name": f"job-{index}-{number}",
        "start_deadline_at": at(100 * number + 30),
        "hard_deadline_at": at(100 * number + 90),
        "waiting_since": None,
        "waiting_reason": None,
        "retry_at": None,
        "state": "succeeded",
        "is_deciding": True,
    }
    return row | changes


def pack(index: int, number: int = 1, size: int = 1) -> dict[str, Any]:
    return {
        "pack_id": attempt_id(UID, index, number),
        "batch_uid": UID,
        "index": index,
        "number": number,
        "size": size,
        "unsettled": 0,
    }


def backtest(index: int, state: str, **changes: Any) -> dict[str, Any]:
    deciding = {"deciding_attempt_id": attempt_id(UID, index, 1), "attempt_count": 1, "pack_limit": None}
    given = {"id": f"{UID}-{index}", "batch_uid": UID, "index": index, "state": state, "charged": 0, "uncharged": 0}
    return given | deciding | changes


def outcome(index: int, kind: str) -> dict[str, Any]:
    given = {"attempt_id": attempt_id(UID, index, 1), "backtest_id": f"{UID}-{index}", "number": 1}
    return given | {"kind": kind, "recorded_at": at(140)}


def result(index: int) -> dict[str, Any]:
    given = {"backtest_id": f"{UID}-{index}", "batch_uid": UID, "attempt_id": attempt_id(UID, index, 1)}
    return given | {"passed": True, "criteria_version": 1}


def good_rows() -> dict[str, list[dict[str, Any]]]:
    """Return the rows of one finished batch: two backtests have succeeded, and the third has failed."""
    batch = {"uid": UID, "name": "demo", "namespace": "research", "state": "finished", "finished_at": at(900)}
    counts = {"total": 3, "succeeded": 2, "failed": 1, "cancelled": 0, "passed": 2, "stale_verdicts": 0}
    return {
        "batches": [batch | counts | {"criteria_version": 1}],
        "backtests": [backtest(0, "succeeded"), backtest(1, "succeeded"), backtest(2, "failed", charged=1)],
        "attempts": [attempt(0), attempt(1), attempt(2, reason="EngineError", is_charged=True, state="failed")],
        "outcomes": [outcome(0, "succeeded"), outcome(1, "succeeded"), outcome(2, "failed")],
        "results": [result(0), result(1)],
        "packs": [pack(index) for index in range(3)],
    }


@dataclass
class Broken:
    """A world of one finished batch, two of whose three backtests succeeded and one failed; a case breaks something of it."""

    limits: Limits = field(default_factory=Limits)
    problems: list[str] = field(default_factory=list)
    report: Any = None
    processes: list[Any] = field(default_factory=list)
    monitor: Any = field(default_factory=lambda: SimpleNamespace(violations=[], jobs={}, engines={}, named={}))
    kube: Any = field(default_factory=lambda: SimpleNamespace(objects=SimpleNamespace(stored={})))
    batches: dict[str, Any] = field(default_factory=lambda: {UID: {"metadata": {"namespace": "research"}}})
    before: dict[str, str] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=good_rows)

    @property
    def facts(self) -> Facts:
        return Facts(NOW, **{name: tuple(deepcopy(rows)) for name, rows in self.rows.items()})

    def row(self, table: str, place: int = 0) -> dict[str, Any]:
        return self.rows[table][place]

    def change(self, table: str, place: int = 0, **values: Any) -> None:
        self.rows[table][place] |= values

    def go_on(self, **values: Any) -> None:
        """Let the first backtest run its first attempt still."""
        del self.rows["results"][0], self.rows["outcomes"][0]
        self.change("batches", state="running", succeeded=1, passed=1, finished_at=None)
        self.change("backtests", state="running")
        self.change("packs", unsettled=1)
        self.change("attempts", **{"state": "running", "ended_at": None} | values)

    def kill_a_pack(self, named: int, *limits: int | None) -> None:
        """Let a pack of all three have died as a whole while one ran, before each of them ran by itself."""
        for place, limit in enumerate(limits):
            later = attempt_id(UID, place, 2)
            self.change("backtests", place, attempt_count=2, deciding_attempt_id=later, pack_limit=limit)
            self.change("attempts", place, attempt_id=later, number=2, pack_id=later, launched_at=at(200))
            self.change("outcomes", place, attempt_id=later, recorded_at=at(240))
            died = {"reason": "OOMKilled", "pack_id": attempt_id(UID, 0, 1), "size": 3, "is_deciding": False}
            self.rows["attempts"].append(attempt(place, 1, **died))
        for place, result in enumerate(self.rows["results"]):
            result["attempt_id"] = attempt_id(UID, place, 2)
        self.rows["packs"] = [pack(0, 1, 3), *(pack(place, 2) for place in range(3))]
        self.monitor.named[UID, 0, 1] = (UID, named, 1)


def remember_too_much(world: Broken) -> None:
    memory = SimpleNamespace(refusals={}, problems_since={}, status_written_at=dict.fromkeys(range(99)), unsavable={})
    passes = SimpleNamespace(applier=SimpleNamespace(memory=memory), failing=(), refused=(), works=())
    passes.quiet, passes.lived = SimpleNamespace(_by_uid={}), SimpleNamespace(_at={})
    world.processes.append(SimpleNamespace(passes=passes, report=object()))


def outlive_the_deadline(world: Broken) -> None:
    world.go_on()
    world.report = SimpleNamespace(failing={}, refused={})


def wait_too_long(problem: str, seconds: float) -> Case:
    def wait(world: Broken) -> None:
        retry_at = NOW + timedelta(seconds=seconds)
        world.go_on(retry_at=retry_at, waiting_since=NOW, waiting_reason=problem, start_deadline_at=NOW)

    return wait


# By check, the words that it fails with and what is done to a good world.
BROKEN: dict[str, list[tuple[Any, ...]]] = {
    "nothing_happens_that_must_not": [("a pass failed", lambda world: world.problems.append("a pass failed"))],
    "never_above_a_limit_and_never_an_index_twice_at_once": [("5", lambda world: world.monitor.violations.append("5"))],
    "every_job_has_its_row": [
        ("job-9 has no row", lambda world: world.monitor.jobs.update(uid={"metadata": {"name": "job-9"}})),
    ],
    "nothing_runs_after_its_outcome": [
        (r"uid-0\.1 started again", lambda world: world.monitor.engines.update({(UID, 0, 1): [at(110), at(150)]})),
    ],
    "succeeded_never_changes": [
        ("uid-2 had succeeded", lambda world: world.before.update({f"{UID}-2": attempt_id(UID, 2, 1)})),
        ("uid-1 had succeeded", lambda world: world.before.update({f"{UID}-1": attempt_id(UID, 1, 2)})),
    ],
    "counters_add_up": [
        ("succeeded is 3", lambda world: world.change("batches", succeeded=3)),
        ("failed is 2", lambda world: world.change("batches", failed=2)),
        ("passed is 1", lambda world: world.change("batches", passed=1)),
        ("stale is 1", lambda world: world.change("batches", stale_verdicts=1)),
        ("results is 2, counted 1", lambda world: world.rows["results"].pop()),
        ("ended is 3, counted 4", lambda world: world.change("batches", total=4)),
        ("alive is 0, counted 1", lambda world: world.change("backtests", 2, state="queued")),
    ],
    "attempts_follow_each_other": [
        (r"attempts \[1\], 2 are counted", lambda world: world.change("backtests", attempt_count=2)),
        ("another one follows it", lambda world: world.change("attempts", is_deciding=False, ended_at=None)),
        ("has ended already", lambda world: world.change("attempts", state="running")),
    ],
    "every_end_is_explained": [
        (
            r"uid-2\.1 has ended",
            lambda world: world.change("attempts", 2, reason=None),
            lambda world: world.rows["outcomes"].pop(),
        ),
        ("uid-1 has succeeded", lambda world: world.rows["results"].pop()),
        ("uid-0 has succeeded", lambda world: world.change("outcomes", kind="failed")),
    ],
    "packs_count_their_members": [
        (r"\(1, 1\), counted \(1, 0\)", lambda world: world.change("packs", unsettled=1)),
        (r"\(2, 0\), counted \(1, 0\)", lambda world: world.change("packs", size=2)),
    ],
    "only_what_an_attempt_caused_is_charged": [
        ("NotBegun", lambda world: world.change("attempts", 2, reason="NotBegun", is_charged=False)),
        ("NotBegun", lambda world: world.change("attempts", 2, reason="NotBegun", is_charged=True)),
        ("Evicted", lambda world: world.change("attempts", 2, reason="Evicted", is_charged=True)),
        ("EngineError", lambda world: world.change("attempts", 2, is_charged=None)),
        (
            "EngineCrash",
            lambda world: world.rows["outcomes"].pop(),
            lambda world: world.change("attempts", 2, reason="EngineCrash", size=2),
        ),
        (
            "StartTimeout",
            lambda world: world.rows["outcomes"].pop(),
            lambda world: world.change("attempts", 2, reason="StartTimeout", size=2),
        ),
        (r"are \(0, 1\), counted \(1, 0\)", lambda world: world.change("backtests", 2, charged=0, uncharged=1)),
    ],
    "who_killed_a_pack_runs_alone": [
        (r"uid-1\.1: it may be in packs of 2", lambda world: world.kill_a_pack(1, 2, 2, 2)),
        (r"uid-2\.1: it may be in packs of None", lambda world: world.kill_a_pack(1, 2, 1, None)),
        (r"uid-0\.1: it may be in packs of 3", lambda world: world.kill_a_pack(1, 3, 1, 2)),
        (
            r"uid-1\.2 is one of 2",
            lambda world: world.kill_a_pack(1, 2, 1, 2),
            lambda world: world.change("attempts", 1, size=2),
        ),
    ],
    "nothing_runs_after_its_success": [
        (r"uid-0\.2 was launched", lambda world: world.rows["attempts"].append(attempt(0, 2))),
    ],
    "no_wait_outlives_its_deadline": [
        (r"uid-0\.1 waits until", wait_too_long("ImagePull: not found", 61)),
        (r"uid-0\.1 waits until", wait_too_long("QuotaExceeded: full", Limits().room_timeout_seconds + 61)),
    ],
    "no_attempt_outlives_its_hard_deadline": [(r"uid-0\.1 runs, its hard deadline was", outlive_the_deadline)],
    "memory_is_bounded_by_what_lives": [("'statuses': 99", remember_too_much)],
}


def test_every_check_has_a_world_that_breaks_it() -> None:
    assert [check.__name__ for check in CHECKS] == list(BROKEN)


def test_nothing_is_wrong_with_a_good_world() -> None:
    for make in (Broken, going_on, with_a_death):
        Always(make()).check()


def going_on() -> Broken:
    world = Broken()
    world.go_on(hard_deadline_at=NOW)
    world.report = SimpleNamespace(failing={}, refused={})
    return world


def with_a_death() -> Broken:
    world = Broken()
    world.kill_a_pack(1, 2, 1, 2)
    return world


@pytest.mark.parametrize(
    ("check", "words", "acts"),
    [
        pytest.param(name, case[0], case[1:], id=f"{name}: {case[0]}")
        for name, cases in BROKEN.items()
        for case in cases
    ],
)
def test_a_check_fails_for_a_world_that_breaks_it(check: str, words: str, acts: tuple[Case, ...]) -> None:
    world = Broken()
    for act in acts:
        act(world)
    with pytest.raises(AssertionError, match=words):
        getattr(always.Always(world, world.before), check)()

"""Each check of `always.py` and `machine.py` fails for a world that breaks it: a check that cannot fail shows nothing."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from backfleet.core.backtests import attempt_id
from backfleet.core.planning.observation import Limits
from tests.properties.world import always
from tests.properties.world.always import CHECKS, Always
from tests.properties.world.broken import NOW, UID, Broken, at, attempt, job

Case = Callable[[Broken], object]


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
        ("job-9 has no row", lambda world: world.monitor.jobs.update(uid=job("job-9"))),
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
    "no_job_that_is_there_has_vanished": [
        (
            r"uid-0\.1: its Job job-0-1 has not vanished",
            lambda world: world.change("attempts", reason="JobVanished"),
            lambda world: world.monitor.jobs.update(uid=job("job-0-1")),
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
    for make in (Broken, going_on, with_a_death, without_a_job):
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


def without_a_job() -> Broken:
    """Return a world in which a Job is on its way out when its attempt ends."""
    world = going_on()
    world.change("attempts", reason="JobVanished", is_charged=False, ended_at=NOW, state="failed")
    world.change("backtests", state="failed", uncharged=1)
    world.change("batches", failed=2)
    world.change("packs", unsettled=0)
    world.monitor.jobs["uid"] = job("job-0-1", deletionTimestamp="2026-01-05T09:02:00Z")
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

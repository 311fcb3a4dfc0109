"""Each check at the end of a world fails for one that did not end as it must."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from backfleet.core import wire
from tests.properties.world import facts
from tests.properties.world.machine import WorldMachine
from tests.world.clock import START

UID = "uid"
BATCH = {"metadata": {"namespace": "research"}, "spec": {"engine": {"name": "noop"}}}
FINISHED = {**BATCH, "status": {"conditions": [{"type": wire.CONDITION_FINISHED, "status": "True"}]}}


def world(batch: dict[str, Any] = BATCH, **changes: Any) -> Any:
    """Return a world in which nothing moves: whatever is waited for is looked at once."""
    rows = SimpleNamespace(batches=({"uid": UID, "state": "finished"},), batch=lambda _: {"succeeded": 1, "failed": 0})
    given = {
        "batches": {UID: batch},
        "facts": rows,
        "denied": set(),
        "forbidden": set(),
        "engines": ("noop",),
        "kube": SimpleNamespace(objects=SimpleNamespace(all=lambda _: [])),
        "can_progress": lambda _: True,
        "add_good_batch": lambda: None,
        "edit": lambda *_, **__: None,
        "run": lambda until, _: until(),
        "turn": lambda: None,
        "operator": lambda: process(),
    }
    return SimpleNamespace(**given | changes)


def process(**memory: Any) -> Any:
    """Return a process of the operator that remembers nothing else."""
    empty: dict[str, Any] = {"refusals": {}, "problems_since": {}, "status_written_at": {}, "unsavable": {}}
    passes = SimpleNamespace(applier=SimpleNamespace(memory=SimpleNamespace(**empty | memory)))
    passes.failing, passes.refused, passes.works = (), (), ()
    passes.quiet, passes.lived = SimpleNamespace(_by_uid={}), SimpleNamespace(_at={})
    return SimpleNamespace(passes=passes)


def machine(of: Any) -> WorldMachine:
    made = WorldMachine.__new__(WorldMachine)
    made.world = of
    made.always = SimpleNamespace(check=lambda: None)  # type: ignore[assignment]  # what always holds does
    return made


def lost_success() -> facts.Facts:
    """Return rows in which a success came in time and its backtest has failed."""
    moments = [START + timedelta(seconds=each) for each in (10, 20)]
    batch = {"uid": UID, "state": "finished", "finished_at": moments[1]}
    backtest = {"id": f"{UID}-0", "batch_uid": UID, "state": "failed"}
    outcome = {
        "attempt_id": f"{UID}-0.1",
        "backtest_id": f"{UID}-0",
        "number": 1,
        "kind": "succeeded",
        "recorded_at": moments[0],
    }
    return facts.Facts(moments[1], (batch,), (backtest,), (), (outcome,), (), ())


@pytest.mark.parametrize(
    ("check", "broken", "words"),
    [
        pytest.param(WorldMachine.whoever_can_progress_does, world(), "no progress: .*uid", id="no progress"),
        pytest.param(
            WorldMachine.whoever_cannot_start_is_given_up,
            world(denied={"research"}),
            "wait for ever: .*uid",
            id="a refusal without an end",
        ),
        pytest.param(WorldMachine.every_batch_ends, world(), "not every batch has ended", id="shown as unfinished"),
        pytest.param(
            WorldMachine.every_batch_ends,
            world(FINISHED, facts=SimpleNamespace(batches=({"state": "running"},))),
            "not every batch has ended",
            id="unfinished by its row",
        ),
        pytest.param(
            WorldMachine.every_batch_ends,
            world(FINISHED, facts=lost_success()),
            "uid-0.1 succeeded, and its backtest is failed",
            id="a success that was lost",
        ),
        pytest.param(
            WorldMachine.nothing_is_left,
            world(kube=SimpleNamespace(objects=SimpleNamespace(all=lambda kind: [1] if kind == "jobs" else []))),
            "Jobs or pods are left",
            id="a Job is left",
        ),
        pytest.param(
            WorldMachine.nothing_is_left,
            world(kube=SimpleNamespace(objects=SimpleNamespace(all=lambda kind: [1] if kind == "pods" else []))),
            "Jobs or pods are left",
            id="a pod is left",
        ),
        pytest.param(
            WorldMachine.nothing_is_left,
            world(operator=lambda: process(refusals={"a pack": "refused"})),
            "remembers 1 refusals",
            id="a memory of what is over",
        ),
        pytest.param(
            WorldMachine.be_quiet,
            world(turn=lambda: SimpleNamespace(plan=SimpleNamespace(batches=("more",)))),
            "still something to do after 30 passes",
            id="never quiet",
        ),
    ],
)
def test_a_world_that_did_not_end_well_is_found(check: Callable[[WorldMachine], None], broken: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check(machine(broken))


def test_a_world_that_ended_well_is_not_found() -> None:
    good = machine(world(FINISHED))
    good.whoever_can_progress_does()
    good.whoever_cannot_start_is_given_up()
    good.nothing_is_left()
    (backtest,) = lost_success().backtests
    rows = replace(lost_success(), backtests=({**backtest, "state": "succeeded"},))
    good = machine(world(FINISHED, facts=rows))
    good.every_batch_ends()
    assert good.is_all_finished()

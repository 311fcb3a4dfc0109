"""Node and image of a pack's engine: as its pod shows them after the engine's start, at the latest with its first outcome."""

from dataclasses import replace

import pytest

from backfleet.core.changes import MarkPack, SettleResult
from backfleet.core.planning.decision import NOTHING, Decision
from backfleet.core.planning.enter import enter
from backfleet.core.planning.facts import Facts, gather_facts
from backfleet.core.planning.observation import SeenContainer, SeenJob, SeenPod
from backfleet.core.planning.settle import mark_recorded, settle_packs
from backfleet.core.records import StoreView
from tests.support.jobs import NOW
from tests.support.planning import (
    after,
    build_batch,
    build_draft,
    build_job,
    build_members,
    build_observation,
    build_outcome,
    build_pod,
    build_running,
)

DIGEST = "sha256:" + "5" * 64
PACK = build_running(size=2, unsettled=2, engine_started_at=None)
FIRST, SECOND = build_members(PACK)
JOB = build_job(PACK)
RUNS = SeenContainer(started_at=after(-60), image_digest=DIGEST)
POD = build_pod(JOB, engine=RUNS, node_name="node-1")
SHOWN = replace(PACK, engine_started_at=after(-60), node_name="node-1", image_digest=DIGEST)
MARK = MarkPack(pack=SHOWN, pod_name=POD.name)


def facts(job: SeenJob = JOB, pod: SeenPod = POD, *, has_outcome: bool = True) -> Facts:
    outcomes = {FIRST.id: build_outcome(FIRST)} if has_outcome else {}
    return Facts(jobs={PACK.key: job}, pods={PACK.key: [pod]}, outcomes=outcomes)


def test_a_pod_whose_engine_runs_shows_where() -> None:
    assert settle_packs(build_draft(PACK), facts(has_outcome=False)).changes == (MARK,)
    assert settle_packs(build_draft(SHOWN), facts(has_outcome=False)).changes == ()


def test_a_pod_on_a_node_whose_engine_has_not_started_shows_nothing_yet() -> None:
    pod = build_pod(JOB, engine=SeenContainer(image_digest=DIGEST), node_name="node-1")
    assert settle_packs(build_draft(PACK), facts(pod=pod, has_outcome=False)).changes == ()


def test_what_was_seen_of_a_pack_stays_whatever_another_look_shows() -> None:
    pod = replace(POD, node_name=None, engine=replace(RUNS, image_digest=None))
    assert settle_packs(build_draft(SHOWN), facts(pod=pod, has_outcome=False)).changes == ()


def test_the_first_outcome_of_a_pack_that_no_pass_saw_running_marks_it_first() -> None:
    draft = build_draft()
    store = StoreView(
        now=NOW, batches=(draft.record,), packs=(PACK,), attempts=(FIRST, SECOND), outcomes=(build_outcome(FIRST),)
    )
    seen = build_observation(build_batch(), store=store, jobs=(JOB,), pods=(POD,))
    (made,) = enter(seen, gather_facts(seen), lambda: None).drafts
    mark, result = made.decided.changes
    assert (mark, type(result)) == (MARK, SettleResult)
    assert made.packs == {PACK.id: replace(SHOWN, unsettled=1)}
    assert made.record.first_engine_started_at == after(-60)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(facts(has_outcome=False), id="no outcome"),
        pytest.param(Facts(outcomes=facts().outcomes), id="no Job"),
        pytest.param(facts(replace(JOB, is_deleting=True)), id="a Job that is being deleted"),
        pytest.param(facts(pod=replace(POD, engine=SeenContainer())), id="an engine that has not started"),
    ],
)
def test_without_a_pod_that_shows_it_nothing_is_marked(seen: Facts) -> None:
    assert mark_recorded(build_draft(PACK), seen) == Decision()


def test_a_pack_that_was_seen_running_is_not_marked_again() -> None:
    assert mark_recorded(build_draft(SHOWN), facts()) in (NOTHING, Decision())

"""How a plan is carried out: the order, what one batch's failure keeps back, and what ends the pass."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from backfleet.controller.applying import LONGEST_RETRY_SECONDS, Applier, PassOverdue, effects
from backfleet.controller.cluster import ClusterPort, NotAllowed, Refused
from backfleet.core.changes import BatchChanges
from backfleet.core.errors import Busy, Conflict, FenceLost, Unavailable, sentence_of
from backfleet.core.planning.effects import (
    BatchPlan,
    BatchRef,
    CreateJob,
    DeleteJob,
    Fault,
    LabelJob,
    Plan,
    PostEvent,
    WriteStatus,
)
from backfleet.core.planning.observation import Refusal, RefusalKind
from backfleet.core.records import BatchRecord, BatchState
from tests.support.jobs import NOW, build_create, build_pack, build_request
from tests.support.operator import build_settings
from tests.support.packs import pack_of

Json = dict[str, Any]


@dataclass
class Hands:
    """The cluster and the store as a list of what was done; `fail` maps a deed to its error."""

    done: list[str] = field(default_factory=list)
    fail: dict[str, Exception] = field(default_factory=dict)
    statuses: list[Mapping[str, Any]] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)

    def save(self, changes: BatchChanges) -> None:
        self._do(f"rows {changes.after.uid}")

    def delete_job(self, namespace: str, name: str, uid: str) -> None:
        self._do(f"delete {name} {uid} in {namespace}")

    def label_job(self, namespace: str, name: str, uid: str, finished: str) -> None:
        self._do(f"label {name} {uid} in {namespace} as {finished}")

    def create_job(self, manifest: Json) -> None:
        self._do(f"create {manifest['metadata']['name']}")

    def patch_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> None:
        self.statuses.append(status)
        self._do(f"status {uid} {name} in {namespace}")

    def create_event(self, event: Json) -> None:
        self.events.append(event)
        self._do(f"event {event['involvedObject']['uid']}")

    def list_batches(self, namespace: str) -> list[Json]:
        raise NotImplementedError

    list_jobs = list_pods = list_settled_jobs = list_pods_of = get_job = list_batches

    def _do(self, deed: str) -> None:
        if deed in self.fail:
            raise self.fail[deed]
        self.done.append(deed)


def record(uid: str) -> BatchRecord:
    return BatchRecord(
        uid=uid,
        namespace="research",
        name=f"batch-{uid}",
        state=BatchState.LIVE,
        spec={},
        controls={},
        axes={},
        criteria={},
        accepted_at=NOW,
    )


def batch_plan(uid: str, **changes: Any) -> BatchPlan:
    """Return a plan with one effect of every kind."""
    ref = BatchRef(uid=uid, name=f"batch-{uid}", namespace="research")
    create = CreateJob(
        batch=ref,
        pack=build_pack(batch_uid=uid, job_name=f"{uid}-new"),
        request=pack_of(build_request(), uid),
        shape=build_create().shape,
    )
    given: dict[str, Any] = {
        "rows": BatchChanges(before=None, after=record(uid)),
        "deletes": (DeleteJob(namespace="research", name=f"{uid}-old", uid=f"{uid}-old-uid"),),
        "creates": (create,),
        "status": WriteStatus(batch=ref, status={"total": 6}),
        "events": (PostEvent(batch=ref, reason="Accepted", message="6 combinations"),),
        "labels": (LabelJob(namespace="research", name=f"{uid}-done", uid=f"{uid}-done-uid", finished_at=NOW),),
        "expired": (DeleteJob(namespace="research", name=f"{uid}-gone", uid=f"{uid}-gone-uid"),),
    }
    return BatchPlan(uid=uid, **given | changes)


def deeds(uid: str) -> list[str]:
    return [
        f"rows {uid}",
        f"delete {uid}-old {uid}-old-uid in research",
        f"create {uid}-new",
        f"status {uid} batch-{uid} in research",
        f"event {uid}",
        f"label {uid}-done {uid}-done-uid in research as {int(NOW.timestamp())}",
        f"delete {uid}-gone {uid}-gone-uid in research",
    ]


BOTH = Plan(batches=(batch_plan("a"), batch_plan("b")))


@pytest.fixture
def hands() -> Hands:
    return Hands()


def applier(hands: Hands, **changes: Any) -> Applier:
    settings = build_settings(**changes.pop("settings", {}))
    return Applier(cluster=cast(ClusterPort, hands), save=hands.save, settings=settings, **changes)


def test_effects_come_in_their_order_over_all_batches(hands: Hands) -> None:
    assert applier(hands).apply(BOTH, NOW) == {}
    assert hands.done == [deed for stage in zip(deeds("a"), deeds("b"), strict=True) for deed in stage]


def test_effects_name_the_batch_that_they_belong_to() -> None:
    kinds = [BatchChanges, DeleteJob, CreateJob, WriteStatus, PostEvent, LabelJob, DeleteJob]
    assert [(uid, type(effect)) for uid, effect in effects(BOTH)] == [(uid, kind) for kind in kinds for uid in "ab"]


def test_an_empty_plan_does_nothing(hands: Hands) -> None:
    assert applier(hands).apply(Plan(batches=(BatchPlan(uid="a"),)), NOW) == {}
    assert hands.done == []


STAGES = {0: "rows", 1: "delete", 3: "status", 4: "event", 5: "label", 6: "expire"}
"""All but the creation of a Job: what stands in its way is a refusal, and no failure of the pass."""


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        *(pytest.param(number, KeyError("x"), id=f"a bug in {name}") for number, name in STAGES.items()),
        *(pytest.param(number, Unavailable("away"), id=f"an outage in {name}") for number, name in STAGES.items()),
    ],
)
def test_a_failure_keeps_back_only_what_follows_of_its_own_batch(hands: Hands, stage: int, error: Exception) -> None:
    hands.fail[deeds("a")[stage]] = error
    errors = applier(hands).apply(BOTH, NOW)
    assert errors == {"a": sentence_of(error)}
    assert [deed for deed in hands.done if deed in deeds("a")] == deeds("a")[:stage]
    assert [deed for deed in hands.done if deed in deeds("b")] == deeds("b")


def test_an_event_that_is_not_allowed_is_left_out_and_the_batch_goes_on(hands: Hands) -> None:
    hands.fail = {"event a": NotAllowed("events is forbidden: exceeded quota: count/events")}
    assert applier(hands).apply(BOTH, NOW) == {}
    assert [deed for deed in deeds("a") if deed not in hands.done] == ["event a"]


def test_a_batch_without_a_plan_is_reported_and_disturbs_no_other(hands: Hands) -> None:
    fault = Fault(sentence="ValueError: a bug", trace="Traceback (most recent call last): ...")
    plan = Plan(batches=(batch_plan("a", fault=fault), batch_plan("b")))
    assert applier(hands).apply(plan, NOW) == {"a": "ValueError: a bug"}
    assert hands.done == deeds("b")


def test_a_lost_fence_ends_the_pass_at_once(hands: Hands) -> None:
    hands.fail["rows a"] = FenceLost("another took over")
    with pytest.raises(FenceLost):
        applier(hands).apply(BOTH, NOW)
    assert hands.done == []


def test_a_pass_that_takes_too_long_ends_between_two_effects(hands: Hands) -> None:
    def checkpoint(_: object) -> None:
        time.sleep(0.06)

    with pytest.raises(PassOverdue, match=r"did not end within 0\.05 s"):
        applier(hands, settings={"passSeconds": 0.05}, checkpoint=checkpoint).apply(BOTH, NOW)
    assert hands.done == ["rows a"]


def test_jobs_that_were_refused_before_come_last_and_take_a_part_of_the_pass(hands: Hands) -> None:
    """An admission webhook that hangs takes ten seconds of every pass for each of them."""
    seconds = iter(range(0, 1000, 3))
    attempts = {"a": 1, "b": 0, "c": 4, "d": 2}
    plans = tuple(
        batch_plan(uid, creates=tuple(replace(each, pack=replace(each.pack, start_tries=tries)) for each in creates))
        for uid, tries in attempts.items()
        if (creates := batch_plan(uid).creates)
    )
    acting = applier(hands, clock=lambda: float(next(seconds)), settings={"passSeconds": 600})
    assert acting.apply(Plan(batches=plans), NOW) == {}
    assert [deed for deed in hands.done if deed.startswith("create")] == [
        "create b-new",
        "create a-new",
        "create c-new",
    ]
    assert (acting.memory.has_news, acting.memory.refusals) == (True, {})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param(Conflict("taken"), RefusalKind.NAME_CONFLICT, id="its name is taken"),
        pytest.param(Refused("exceeded quota", is_quota=True), RefusalKind.QUOTA, id="a quota"),
        pytest.param(Refused("violates PodSecurity", is_quota=False), RefusalKind.REFUSED, id="refused"),
        pytest.param(Unavailable("timed out"), RefusalKind.NO_ANSWER, id="no answer"),
    ],
)
def test_a_refused_job_is_remembered_until_it_is_created(hands: Hands, error: Exception, kind: RefusalKind) -> None:
    hands.fail["create a-new"] = error
    each = applier(hands)
    assert each.apply(BOTH, NOW) == {}, "a refusal is shown by the planner and is no failure of the pass"
    assert each.memory.refusals == {("a", 7, 2): Refusal(kind=kind, message=str(error), start_tries=0, at=NOW)}
    assert each.memory.has_news, "its slot is free for others at once"
    assert {"event a", "event b"} <= set(hands.done)
    hands.fail.clear()
    each.apply(BOTH, NOW)
    assert (each.memory.refusals, each.memory.has_news) == ({}, False)


@pytest.mark.parametrize(
    ("engines", "failing", "kind", "words"),
    [
        pytest.param({}, None, RefusalKind.NOT_BUILT, "KeyError: 'noop'", id="its engine is not configured"),
        pytest.param(None, KeyError("x"), RefusalKind.REFUSED, "KeyError: 'x'", id="a bug while it is created"),
    ],
)
def test_any_exception_on_the_way_to_a_job_is_a_refusal(
    hands: Hands, engines: dict[str, Any] | None, failing: Exception | None, kind: RefusalKind, words: str
) -> None:
    each = applier(hands, settings={} if engines is None else {"engines": engines})
    if failing:
        hands.fail |= {"create a-new": failing, "create b-new": failing}
    assert each.apply(BOTH, NOW) == {}
    assert [(refusal.kind, refusal.message) for refusal in each.memory.refusals.values()] == [(kind, words)] * 2
    assert {"event a", "event b"} <= set(hands.done)


@pytest.mark.parametrize(("asked", "waits"), [(17.0, 17.0), (86_400.0, LONGEST_RETRY_SECONDS)])
def test_an_api_server_that_asks_for_a_pause_gets_it_within_bounds(hands: Hands, asked: float, waits: float) -> None:
    hands.fail["create a-new"] = Busy("429", retry_after_seconds=asked)
    each = applier(hands)
    each.apply(BOTH, NOW)
    refusal = each.memory.refusals["a", 7, 2]
    assert (refusal.kind, refusal.not_before) == (RefusalKind.BUSY, NOW + timedelta(seconds=waits))


def test_a_refusal_is_bounded(hands: Hands) -> None:
    hands.fail["create a-new"] = Refused("x" * 10_000, is_quota=False)
    each = applier(hands)
    each.apply(BOTH, NOW)
    assert len(each.memory.refusals["a", 7, 2].message) == 500


def test_a_status_removes_what_it_no_longer_has_and_is_remembered(hands: Hands) -> None:
    each = applier(hands)
    ref = BatchRef(uid="a", name="batch-a", namespace="research")
    status = WriteStatus(batch=ref, status={"total": 6, "best": {"index": 1}}, removed=("overdue",))
    each.apply(Plan(batches=(BatchPlan(uid="a", status=status),)), NOW)
    assert hands.statuses == [{"overdue": None, "total": 6, "best": {"index": 1}}]
    assert each.memory.status_written_at == {"a": NOW}


def test_a_status_that_was_not_written_is_not_remembered(hands: Hands) -> None:
    hands.fail[deeds("a")[3]] = Unavailable("away")
    each = applier(hands)
    each.apply(BOTH, NOW)
    assert each.memory.status_written_at == {"b": NOW}


@pytest.mark.parametrize(("is_warning", "kind"), [(True, "Warning"), (False, "Normal")])
def test_an_event_names_its_batch(hands: Hands, is_warning: bool, kind: str) -> None:
    ref = BatchRef(uid="a", name="batch-a", namespace="research")
    event = PostEvent(batch=ref, reason="Finished", message="all done", is_warning=is_warning)
    applier(hands).apply(Plan(batches=(BatchPlan(uid="a", events=(event,)),)), NOW)
    (posted,) = hands.events
    assert (posted["type"], posted["reason"], posted["message"]) == (kind, "Finished", "all done")
    assert (posted["involvedObject"]["name"], posted["firstTimestamp"]) == ("batch-a", "2026-01-05T09:00:00Z")

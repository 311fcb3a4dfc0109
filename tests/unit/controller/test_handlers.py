"""Which events wake the loop, and what kopf must do and must not do."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import kopf
import pytest

from backfleet.controller.handlers import Attention, configure, register
from backfleet.controller.loop import SOON_SECONDS
from backfleet.core import wire


class Counter:
    wakes = 0
    within = -1.0

    def wake(self, within_seconds: float) -> None:
        self.wakes += 1
        self.within = within_seconds


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def attention(counter: Counter) -> Attention:
    return Attention(counter.wake)


def batch(kind: str | None = "MODIFIED", generation: int = 1, uid: str = "u", **rest: Any) -> dict[str, Any]:
    meta = {"uid": uid, "name": "demo", "generation": generation, **rest.pop("metadata", {})}
    return {"type": kind, "object": {"metadata": meta, **rest}}


def job(kind: str | None = "MODIFIED", **status: Any) -> dict[str, Any]:
    return {"type": kind, "object": {"metadata": {"uid": "j", "name": "demo-1"}, "status": status}}


def pod(kind: str | None, phase: str | None) -> dict[str, Any]:
    status = {} if phase is None else {"status": {"phase": phase}}
    return {"type": kind, "object": {"metadata": {"uid": "p", "name": "demo-1-x"}, **status}}


def condition(kind: str, status: str = "True") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status}]}


def test_our_own_status_write_wakes_nobody(attention: Attention, counter: Counter) -> None:
    attention.batch_event(batch("ADDED"))
    attention.batch_event(batch(status={"total": 6}, metadata={"resourceVersion": "7"}))
    attention.batch_event(batch(status={"total": 6, "active": 2}, metadata={"labels": {"a": "b"}}))
    assert counter.wakes == 1


def test_a_relist_of_what_is_known_wakes_nobody(attention: Attention, counter: Counter) -> None:
    for _ in range(3):
        attention.batch_event(batch(None))
        attention.job_event(job(None, active=1))
    assert counter.wakes == 2


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(batch(generation=2), id="an edit"),
        pytest.param(batch(metadata={"deletionTimestamp": "2026-01-05T09:00:00Z"}), id="a deletion that begins"),
        pytest.param(batch(uid="another"), id="another batch"),
        pytest.param(batch("DELETED"), id="a deletion"),
    ],
)
def test_a_batch_that_changes_wakes(attention: Attention, counter: Counter, change: dict[str, Any]) -> None:
    attention.batch_event(batch("ADDED"))
    attention.batch_event(change)
    assert counter.wakes == 2


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"active": 1}, id="its pod is there"),
        pytest.param({"active": None, "ready": 1}, id="its pod is ready"),
        pytest.param(condition("Complete"), id="complete"),
        pytest.param(condition("Failed"), id="failed"),
        pytest.param(condition("FailureTarget"), id="about to fail"),
    ],
)
def test_a_job_whose_state_changes_wakes_once(attention: Attention, counter: Counter, status: dict[str, Any]) -> None:
    attention.job_event(job("ADDED"))
    attention.job_event(job(**status))
    attention.job_event(job(**status, startTime="2026-01-05T09:00:00Z"))
    assert counter.wakes == 2


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(job(active=1), id="its pod is there"),
        pytest.param(job(**condition("Complete")), id="complete"),
        pytest.param(job("DELETED"), id="deleted"),
    ],
)
def test_a_job_is_not_urgent_since_its_pod_is(attention: Attention, counter: Counter, event: dict[str, Any]) -> None:
    attention.job_event(event)
    assert counter.within == SOON_SECONDS


def test_a_pod_that_leaves_the_watch_is_urgent(attention: Attention, counter: Counter) -> None:
    for kind, phase in (("ADDED", None), (None, "Pending"), ("MODIFIED", "Running")):
        attention.pod_event(pod(kind, phase))
    assert counter.wakes == 0
    attention.pod_event(pod("DELETED", "Running"))
    assert (counter.wakes, counter.within) == (1, 0.0)
    assert attention._seen == {}


@pytest.mark.parametrize("kind", ["Complete", "Failed"])
def test_a_finished_job_that_is_labelled_or_removed_wakes_nobody(
    attention: Attention, counter: Counter, kind: str
) -> None:
    attention.job_event(job(**condition(kind)))
    attention.job_event(job("DELETED", **condition(kind)))
    assert counter.wakes == 1
    assert attention._seen == {}


def test_an_unfinished_job_that_is_removed_wakes(attention: Attention, counter: Counter) -> None:
    attention.job_event(job("ADDED", active=1))
    attention.job_event(job("DELETED", active=1))
    assert counter.wakes == 2


def test_a_batch_is_urgent(attention: Attention, counter: Counter) -> None:
    attention.batch_event(batch("ADDED"))
    assert counter.within == 0.0


def test_a_condition_that_is_not_true_is_none(attention: Attention, counter: Counter) -> None:
    attention.job_event(job("ADDED"))
    attention.job_event(job(**condition("Complete", "False")))
    assert counter.wakes == 1


def test_a_job_without_a_status_yet_wakes(attention: Attention, counter: Counter) -> None:
    attention.job_event({"type": "ADDED", "object": {"metadata": {"uid": "j"}}})
    assert counter.wakes == 1


def test_what_is_deleted_is_forgotten(attention: Attention, counter: Counter) -> None:
    for number in range(100):
        attention.batch_event(batch("ADDED", uid=str(number)))
        attention.batch_event(batch("DELETED", uid=str(number)))
    attention.batch_event(batch("DELETED", uid="never seen"))
    assert counter.wakes == 201
    assert attention._seen == {}


def test_objects_whose_removal_was_missed_are_forgotten_the_one_unheard_of_longest_first(counter: Counter) -> None:
    attention = Attention(counter.wake, remembered=3)
    for uid in "abc":
        attention.batch_event(batch("ADDED", uid=uid))
    attention.batch_event(batch(uid="a"))
    for uid in "de":
        attention.batch_event(batch("ADDED", uid=uid))
    assert (counter.wakes, len(attention._seen)) == (5, 3)
    attention.batch_event(batch(uid="a"))
    assert counter.wakes == 5, "it was heard of last before the new ones"
    attention.batch_event(batch(uid="b"))
    assert counter.wakes == 6


def test_kopf_watches_batches_our_jobs_and_their_pods_and_writes_nothing(attention: Attention) -> None:
    registry = kopf.OperatorRegistry()
    register(registry, attention)
    handlers = registry._watching.get_all_handlers()
    watched = {(found.group, found.version, found.any_name) for each in handlers if (found := each.selector)}
    assert watched == {(wire.GROUP, wire.VERSION, wire.PLURAL), ("batch", "v1", "jobs"), ("", "v1", "pods")}
    for kind in (registry._changing, registry._spawning, registry._indexing, registry._webhooks):
        assert list(kind.get_all_handlers()) == [], "these need a finalizer, patch the object, or delay the start"


def test_kopf_is_the_event_source_only() -> None:
    settings = kopf.OperatorSettings()
    configure(settings)
    assert settings.watching.label_selectors["batch", "v1", "jobs"] == f"{wire.JOB_SELECTOR},!{wire.LABEL_SETTLED}"
    assert settings.watching.label_selectors["", "v1", "pods"] == wire.JOB_SELECTOR
    assert settings.watching.field_selectors["", "v1", "pods"] == wire.UNFINISHED_PODS
    assert settings.posting.enabled is False
    assert settings.scanning.disabled is True
    assert settings.peering.standalone is True
    server, whole = settings.watching.server_timeout, settings.watching.client_timeout
    assert server is not None
    assert whole is not None
    assert server < whole < 600
    for seconds in (settings.networking.request_timeout, settings.networking.connect_timeout):
        assert seconds is not None
        assert 0 < seconds <= 60
    assert settings.watching.connect_timeout == 10


def test_an_outage_of_any_length_does_not_end_the_event_source() -> None:
    settings = kopf.OperatorSettings()
    configure(settings)
    for _ in range(2):  # every request begins again
        backoffs = settings.networking.error_backoffs
        assert isinstance(backoffs, Iterable)
        waits = list(islice(backoffs, 1000))
        assert waits[:6] == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
        assert len(waits) == 1000

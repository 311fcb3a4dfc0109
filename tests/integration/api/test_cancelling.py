"""DELETE of a batch: it sets `cancel`, once or again, on that batch and no other."""

import pytest

from backfleet_api.writing.cancel import FOLLOWS, OVER
from tests.integration.api.kubernetes import BATCHES, NAMESPACE, SPEC, Written
from tests.integration.api.test_edges import assert_problem
from tests.support.history import History
from tests.world.faults import Fault

PATH = "optimizationbatches"


def put(writing: Written, name: str, uid: str | None = None, status: object = None) -> str:
    """Apply a custom resource as a user does. Return its uid."""
    metadata = {"name": name, **({"uid": uid} if uid else {})}
    made = writing.kubernetes.objects.create(PATH, NAMESPACE, {"metadata": metadata, "spec": SPEC})
    if status is not None:
        writing.kubernetes.objects.set_status(PATH, NAMESPACE, name, status)  # type: ignore[arg-type]
    return str(made["metadata"]["uid"])


def cancelled(writing: Written, name: str) -> object:
    return writing.kubernetes.objects.get(PATH, NAMESPACE, name)["spec"].get("cancel")


def test_a_running_batch_gets_cancel_set_and_nothing_else_changed(writing: Written, history: History) -> None:
    record = history.accept("mine")
    put(writing, "mine", record.uid)
    response = writing.cancel("mine")
    assert response.status_code == 202
    assert response.json() == {
        "batch_id": record.uid,
        "name": "mine",
        "namespace": NAMESPACE,
        "state": "running",
        "message": FOLLOWS,
        "status_url": f"{BATCHES}/{record.uid}",
    }
    assert response.headers["location"] == response.json()["status_url"]
    assert writing.kubernetes.objects.get(PATH, NAMESPACE, "mine")["spec"] == SPEC | {"cancel": True}
    (call,) = writing.kubernetes.calls_of("PATCH", PATH)
    assert call.body == {"metadata": {"uid": record.uid}, "spec": {"cancel": True}}
    assert call.headers["content-type"] == "application/merge-patch+json"


def test_it_is_safe_to_repeat(writing: Written) -> None:
    uid = put(writing, "mine")
    assert [writing.cancel(uid).status_code for _ in range(2)] == [202, 202]
    assert cancelled(writing, "mine") is True


def test_a_pending_batch_is_cancelled_by_uid_or_name(writing: Written) -> None:
    assert writing.cancel(put(writing, "one")).json()["state"] == "pending"
    put(writing, "two")
    assert writing.cancel("two", namespace=NAMESPACE).status_code == 202
    assert (cancelled(writing, "one"), cancelled(writing, "two")) == (True, True)


@pytest.mark.parametrize(
    ("reason", "state"), [("AllSucceeded", "complete"), ("NoneSucceeded", "failed"), ("Cancelled", "cancelled")]
)
def test_a_batch_that_has_ended_stays_as_it_is(writing: Written, history: History, reason: str, state: str) -> None:
    record = history.finish(history.accept("over"), reason)
    put(writing, "over", record.uid)
    response = writing.cancel("over")
    assert (response.status_code, response.json()["state"], response.json()["message"]) == (200, state, OVER)
    assert writing.kubernetes.calls_of("PATCH", PATH) == []


def test_a_refused_batch_has_ended_too(writing: Written) -> None:
    conditions = [{"type": "Accepted", "status": "False", "reason": "SpecInvalid", "message": "bad"}]
    put(writing, "refused", status={"conditions": conditions})
    assert writing.cancel("refused").json()["state"] == "failed"
    assert cancelled(writing, "refused") is None


def test_an_unknown_batch_is_not_found(writing: Written) -> None:
    assert_problem(writing.cancel("none"), 404)
    assert_problem(writing.cancel("00000000-0000-4000-8000-000000000009"), 404)


def test_a_batch_whose_custom_resource_is_gone_is_not_found(writing: Written, history: History) -> None:
    history.accept("gone")
    assert "the custom resource of batch gone is gone" in assert_problem(writing.cancel("gone"), 404).detail


def test_another_batch_that_took_the_name_is_left_alone(writing: Written, history: History) -> None:
    old = history.accept("again")
    put(writing, "again")
    assert_problem(writing.cancel(old.uid), 404)
    assert cancelled(writing, "again") is None


def test_a_batch_of_another_namespace_is_refused(writing: Written, history: History) -> None:
    history.accept("far", namespace="elsewhere")
    problem = assert_problem(writing.cancel("far", namespace="elsewhere"), 403)
    assert problem.errors[0].field == "namespace"


@pytest.mark.parametrize("kind", ["status", "close"])
def test_without_kubernetes_it_is_unavailable(writing: Written, history: History, kind: str) -> None:
    record = history.accept("mine")
    put(writing, "mine", record.uid)
    writing.kubernetes.faults.append(Fault(PATH, "PATCH", kind, times=10))  # type: ignore[arg-type]
    response = writing.cancel(record.uid)
    assert_problem(response, 503)
    assert response.headers["retry-after"] == "5"


def test_it_takes_no_unknown_parameter(writing: Written) -> None:
    put(writing, "mine")
    assert assert_problem(writing.cancel("mine", force="1"), 422).errors[0].field == "force"
    assert cancelled(writing, "mine") is None

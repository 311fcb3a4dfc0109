"""Batches that Kubernetes has and Postgres does not know yet."""

from typing import Any

import pytest

from backfleet.core.errors import Unavailable
from backfleet_api.cluster import ClusterBatch
from tests.integration.api.conftest import Serve
from tests.support.custom_resources import CustomResources
from tests.support.history import SPEC, History, uid_of

BATCHES = "/api/optimization/batches"
AWAY = Unavailable("Kubernetes does not answer")


def condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def test_a_batch_that_was_not_accepted_yet_is_pending_under_its_name_and_uid(
    serve: Serve, cluster: CustomResources
) -> None:
    seen = cluster.add(1, "fresh", labels={"team": "research"})
    api = serve(cluster=cluster)
    found = api.get(f"{BATCHES}/fresh").json()
    assert found == api.get(f"{BATCHES}/{seen.uid}").json()
    assert found == {
        "batch_id": seen.uid,
        "name": "fresh",
        "namespace": "backfleet",
        "state": "pending",
        "strategy": "RSI_MeanReversion_ETF",
        "engine": "bars",
        "objective": {"metric": "sharpe_ratio", "direction": "maximize"},
        "counts": dict.fromkeys(("queued", "active", "succeeded", "failed", "cancelled", "passed"), 0)
        | {"total": None},
        "progress": "0/0",
        "best": None,
        "accepted_at": None,
        "finished_at": None,
        "finish": None,
        "max_concurrent": 4,
        "backtests_per_job": 1,
        "started_at": None,
        "pace": None,
        "backtests_per_minute": None,
        "estimated_finish_at": None,
        "criteria": {"minTrades": 5},
        "criteria_version": 0,
        "stale_verdicts": 0,
        "engine_versions": [],
        "warnings": [],
        "advice": [],
        "labels": {"team": "research"},
        "submitter": None,
        "message": "the operator has not accepted it yet",
        "spec": SPEC,
    }


def test_a_refused_batch_has_failed_with_its_message(serve: Serve, cluster: CustomResources) -> None:
    message = "spec.parameters[0].range.step: step is 0. Write a positive step"
    conditions = [
        condition("Accepted", "False", "SpecInvalid", message),
        condition("Finished", "True", "SpecInvalid", message),
    ]
    cluster.add(1, "refused", status={"conditions": conditions})
    found = serve(cluster=cluster).get(f"{BATCHES}/refused").json()
    assert (found["state"], found["finish"]) == ("failed", {"reason": "SpecInvalid", "message": message})


def test_a_refused_batch_has_failed_before_it_is_finished_too(serve: Serve, cluster: CustomResources) -> None:
    cluster.add(1, "refused", status={"conditions": [condition("Accepted", "False", "SpecInvalid", "bad")]})
    assert serve(cluster=cluster).get(f"{BATCHES}/refused").json()["state"] == "failed"


def test_a_batch_whose_rows_were_purged_tells_what_its_status_kept(serve: Serve, cluster: CustomResources) -> None:
    status = {
        "conditions": [condition("Finished", "True", "AllSucceeded", "all 6 backtests succeeded")],
        "total": 6,
        "succeeded": 6,
        "progress": "6/6",
    }
    cluster.add(1, "purged", status=status)
    found = serve(cluster=cluster).get(f"{BATCHES}/purged").json()
    assert (found["state"], found["counts"]["succeeded"], found["progress"]) == ("complete", 6, "6/6")


def test_the_results_of_a_pending_batch_are_an_empty_page(serve: Serve, cluster: CustomResources) -> None:
    cluster.add(1, "fresh")
    page = serve(cluster=cluster).get(f"{BATCHES}/fresh/results", params={"order_by": "drawdown"}).json()
    assert page == {
        "batch_id": uid_of(1),
        "order": {"metric": "drawdown", "direction": "minimize"},
        "succeeded": 0,
        "passed": 0,
        "criteria_version": 0,
        "stale_verdicts": 0,
        "engine_versions": [],
        "warnings": [],
        "results": [],
        "next_cursor": None,
    }


def test_a_name_that_is_used_again_is_the_pending_batch_not_its_predecessor(
    serve: Serve, cluster: CustomResources, history: History
) -> None:
    old = history.finish(history.accept("again"), "AllSucceeded")
    cluster.add(99, "again")
    api = serve(cluster=cluster)
    assert api.get(f"{BATCHES}/again").json()["state"] == "pending"
    assert api.get(f"{BATCHES}/{old.uid}").json()["state"] == "complete"


def test_a_known_batch_is_told_from_postgres(serve: Serve, cluster: CustomResources, history: History) -> None:
    batch = history.accept("known")
    cluster.batches["backfleet", "known"] = ClusterBatch(uid=batch.uid, name="known", namespace="backfleet")
    assert serve(cluster=cluster).get(f"{BATCHES}/known").json()["state"] == "running"


def test_a_uid_that_postgres_knows_asks_no_kubernetes(serve: Serve, cluster: CustomResources, history: History) -> None:
    assert serve(cluster=cluster).get(f"{BATCHES}/{history.accept().uid}").status_code == 200
    assert cluster.calls == 0


def test_another_namespace_asks_no_kubernetes(serve: Serve, cluster: CustomResources) -> None:
    cluster.add(1, "fresh")
    response = serve(cluster=cluster).get(f"{BATCHES}/fresh", params={"namespace": "other"})
    assert (response.status_code, cluster.calls) == (404, 0)
    assert "in the namespace other" in response.json()["detail"]


def test_without_kubernetes_what_postgres_knows_still_answers(
    serve: Serve, cluster: CustomResources, history: History
) -> None:
    history.accept("known")
    cluster.error = AWAY
    api = serve(cluster=cluster)
    assert api.get(f"{BATCHES}/known").status_code == 200
    response = api.get(f"{BATCHES}/unknown")
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert response.json()["detail"] == "Kubernetes does not answer"


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="empty"),
        pytest.param({"strategy": "text", "engine": [], "objective": 7, "maxConcurrent": "four"}, id="wrong types"),
        pytest.param({"objective": {"metric": "nonsense", "direction": "sideways"}}, id="unknown words"),
        pytest.param({"successCriteria": {"minTrades": "100", "maxDrawdown": float("inf")}}, id="criteria no numbers"),
        pytest.param({"maxConcurrent": -3}, id="negative"),
    ],
)
def test_nothing_in_a_custom_resource_breaks_the_answer(serve: Serve, cluster: CustomResources, spec: Any) -> None:
    cluster.batches["backfleet", "odd"] = ClusterBatch(uid=uid_of(1), name="odd", namespace="backfleet", spec=spec)
    response = serve(cluster=cluster).get(f"{BATCHES}/odd")
    assert response.status_code == 200
    assert response.json()["state"] == "pending"

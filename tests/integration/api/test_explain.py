"""Explanations of batches and backtests in every state that the operator's own rows can have."""

from datetime import timedelta
from typing import Any

from fastapi.testclient import TestClient

from backfleet.core.reasons import FailureReason
from tests.integration.api.conftest import Serve
from tests.support.custom_resources import CustomResources
from tests.support.history import START, History

BATCHES = "/api/optimization/batches"


def explained(api: TestClient, path: str) -> dict[str, Any]:
    response = api.get(f"{path}/explain")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    texts = [found["summary"], *found["facts"], *(step["what"] for step in found["next"])]
    assert found["next"]
    assert not [text for text in texts if ".." in text or "None" in text or not text]
    return found


def of_batch(api: TestClient, uid: str) -> dict[str, Any]:
    return explained(api, f"{BATCHES}/{uid}")


def of_backtest(api: TestClient, uid: str, index: int) -> dict[str, Any]:
    return explained(api, f"/api/backtests/{uid}-{index}")


def test_a_running_batch_says_how_far_it_is_and_when_it_ends(api: TestClient, history: History) -> None:
    batch = history.succeed(history.accept(), 0)
    batch = history.fail(batch, 1)
    history.run(batch, 2)
    found = of_batch(api, batch.uid)
    assert found["state"] == "running"
    assert found["summary"].startswith("The batch runs: 2/6 backtests have ended. Now ")
    assert "1 succeeded, 1 failed." in found["facts"]
    assert any(
        fact.startswith("BacktestTimeout: 1 backtest failed for this reason, the first at index 1: it failed")
        for fact in found["facts"]
    )
    assert found["next"][0]["at"] == api.get(f"{BATCHES}/{batch.uid}").json()["estimated_finish_at"]


def test_a_suspended_batch_says_what_brings_it_on(api: TestClient, history: History) -> None:
    batch = history.edit(history.accept(), suspend=True)
    found = of_batch(api, batch.uid)
    assert (found["state"], found["summary"]) == (
        "suspended",
        "The batch is suspended: 0/6 backtests have ended, and nothing new starts.",
    )
    assert found["next"][-1]["what"] == "The batch goes on when spec.suspend is set to false."
    waiting = of_backtest(api, batch.uid, 5)
    assert (waiting["state"], waiting["summary"]) == ("queued", "The backtest was not launched yet.")
    assert "spec.suspend" in waiting["next"][0]["what"]


def test_a_finished_batch_says_how_it_ended(api: TestClient, history: History) -> None:
    batch = history.finish(history.accept(), "CompletedWithFailures")
    found = of_batch(api, batch.uid)
    assert found["state"] == "complete"
    assert found["summary"].startswith("The batch has ended (CompletedWithFailures): ")
    assert found["next"] == [{"what": "Nothing follows. Its results stay.", "at": None}]
    failed = next(fact for fact in found["facts"] if fact.startswith("BacktestTimeout"))
    assert f"{batch.counters.failed} backtests failed for this reason" in failed


def test_a_batch_that_waits_for_jobs_says_for_what_and_until_when(api: TestClient, history: History) -> None:
    batch = history.accept()
    refused = "registry.example says no"
    for _ in range(20):
        for job in history.jobs_of(batch):
            history.world.cluster.wait_engine(job, "ErrImagePull", refused)
        history.pass_time(1)
        found = of_batch(api, batch.uid)
        if any(refused in fact for fact in found["facts"]):
            break
    assert found["summary"].startswith("The batch waits, because its Jobs do not start: 0/6")
    assert found["next"][0]["what"] == "The operator creates the next of these Jobs again."
    assert found["next"][0]["at"] > START.isoformat()
    first = of_backtest(api, batch.uid, 0)
    assert refused in first["summary"]
    assert [step["at"] is not None for step in first["next"]] == [True, True]


def test_each_state_of_a_backtest_is_explained(api: TestClient, history: History) -> None:
    batch = history.succeed(history.accept(), 0, sharpe_ratio=1.0)
    batch = history.succeed(batch, 1, total_trades=1)
    batch = history.fail(batch, 2, FailureReason.ENGINE_ERROR)
    for _ in range(2):
        batch = history.fail(batch, 3, FailureReason.OOM_KILLED)
    history.run(batch, 4)
    uid = batch.uid
    assert of_backtest(api, uid, 0)["summary"] == "The backtest succeeded, and it meets the criteria."
    assert of_backtest(api, uid, 1)["summary"].endswith("it does not meet the criteria: insufficient_trades.")
    final = of_backtest(api, uid, 2)
    assert final["summary"] == "The backtest failed at attempt 1 (EngineError): it failed."
    assert final["facts"] == ["The same combination would fail again, so there is no further attempt."]
    twice = of_backtest(api, uid, 3)
    assert twice["summary"] == "The backtest failed at attempt 2 (OOMKilled): out of memory."
    running = of_backtest(api, uid, 4)
    job = api.get(f"/api/backtests/{uid}-4").json()["attempts"][0]["job_name"]
    assert (running["state"], running["summary"]) == ("running", f"Attempt 1 runs in the Job {job}.")
    assert running["next"][0]["at"] > (START + timedelta(minutes=1)).isoformat()


def test_a_cancelled_batch_explains_what_never_ran(api: TestClient, history: History) -> None:
    batch = history.finish(history.accept(), "Cancelled")
    assert of_batch(api, batch.uid)["state"] == "cancelled"
    for index in range(6):
        found = of_backtest(api, batch.uid, index)
        assert (found["state"], found["summary"].startswith("The backtest was cancelled: ")) == ("cancelled", True)


def test_a_batch_that_was_not_accepted_is_explained_from_its_custom_resource(
    serve: Serve, history: History, cluster: CustomResources
) -> None:
    pending = cluster.add(8, "pending")
    condition = {"type": "Accepted", "status": "False", "reason": "SpecInvalid", "message": "spec.data: no symbols."}
    refused = cluster.add(9, "refused", status={"conditions": [condition]})
    api = serve(cluster=cluster)
    assert history.count == 0
    assert of_batch(api, pending.uid)["summary"] == "The batch waits: the operator has not accepted it yet."
    found = of_batch(api, refused.uid)
    assert found["summary"] == "The operator refused the batch (SpecInvalid): spec.data: no symbols."
    assert api.get(f"{BATCHES}/none/explain").status_code == 404

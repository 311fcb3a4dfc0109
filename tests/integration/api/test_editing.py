"""PATCH of a batch: it writes the given fields of that batch's custom resource and no others, or nothing at all."""

from typing import Any

import pytest

from backfleet.core.records import BatchRecord
from backfleet_api.writing.edit import FOLLOWS
from tests.integration.api.kubernetes import BATCHES, BEARER, NAMESPACE, SPEC, Written
from tests.integration.api.test_cancelling import PATH, put
from tests.integration.api.test_edges import assert_problem
from tests.support.history import History

FILLED: dict[str, Any] = {
    "successCriteria": {"minTrades": 5, "minSharpe": 0.5},
    "failurePolicy": {"maxFailed": 3, "maxAttempts": 2},
}
EDITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "suspend": ({"suspend": True}, {"suspend": True}),
    "several": ({"maxConcurrent": 8, "backtestsPerJob": "auto"}, {"maxConcurrent": 8, "backtestsPerJob": "auto"}),
    "criteria replace the set": ({"successCriteria": {"minPsr": 0.9}}, {"successCriteria": {"minPsr": 0.9}}),
    "an empty set": ({"successCriteria": {}}, {"successCriteria": {}}),
    "no criteria": ({"successCriteria": None}, {"successCriteria": None}),
    "the failure policy is merged": (
        {"failurePolicy": {"maxAttempts": 4, "batchTimeoutSeconds": 600}},
        {"failurePolicy": {"maxFailed": 3, "maxAttempts": 4, "batchTimeoutSeconds": 600}},
    ),
    "a bound is removed": ({"failurePolicy": {"maxFailed": None}}, {"failurePolicy": {"maxAttempts": 2}}),
}


@pytest.fixture
def mine(writing: Written, history: History) -> BatchRecord:
    record = history.accept("mine")
    body = {"metadata": {"name": "mine", "uid": record.uid}, "spec": SPEC | FILLED}
    writing.kubernetes.objects.create(PATH, NAMESPACE, body)
    return record


def spec_of(writing: Written, name: str = "mine") -> dict[str, Any]:
    spec: dict[str, Any] = writing.kubernetes.objects.get(PATH, NAMESPACE, name)["spec"]
    return spec


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_its_fields_and_no_others(writing: Written, mine: BatchRecord, name: str) -> None:
    body, expected = EDITS[name]
    response = writing.edit("mine", body)
    assert response.status_code == 202, response.text
    assert response.json() == {
        "batch_id": mine.uid,
        "name": "mine",
        "namespace": NAMESPACE,
        "state": "running",
        "changed": sorted(body),
        "message": FOLLOWS,
        "status_url": f"{BATCHES}/{mine.uid}",
    }
    assert response.headers["location"] == response.json()["status_url"]
    after = {name: value for name, value in (SPEC | FILLED | expected).items() if value is not None}
    assert spec_of(writing) == after
    assert writing.edit(mine.uid, body).status_code == 202
    assert spec_of(writing) == after


REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "body"),
    "a list": ([], "body"),
    "an unknown field": ({"parameters": []}, "parameters"),
    "another case": ({"max_concurrent": 3}, "max_concurrent"),
    "cancel": ({"cancel": False}, "cancel"),
    "null": ({"suspend": None}, "suspend"),
    "a quoted number": ({"maxConcurrent": "3"}, "maxConcurrent"),
    "out of bounds": ({"maxConcurrent": 257}, "maxConcurrent"),
    "no pack": ({"backtestsPerJob": 0}, "backtestsPerJob"),
    "an unknown criterion": ({"successCriteria": {"minBeauty": 1}}, "successCriteria.minBeauty"),
    "criteria that exclude each other": (
        {"successCriteria": {"minTrades": 9, "maxTrades": 1}},
        "spec.successCriteria.maxTrades",
    ),
    "a policy out of bounds": ({"failurePolicy": {"maxAttempts": 11}}, "failurePolicy.maxAttempts"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_an_edit_is_refused_and_changes_nothing(writing: Written, mine: BatchRecord, name: str) -> None:
    body, field = REFUSED[name]
    problem = assert_problem(writing.edit("mine", body), 422)
    assert field in [each.field for each in problem.errors]
    assert spec_of(writing) == SPEC | FILLED
    assert writing.kubernetes.calls_of("PATCH", PATH) == []


def test_an_edit_needs_the_token_and_json(writing: Written, mine: BatchRecord) -> None:
    url, body = f"{BATCHES}/mine", {"suspend": True}
    assert_problem(writing.client.patch(url, json=body), 401)
    assert_problem(writing.client.patch(url, json=body, headers={"Authorization": "Bearer another-long-token"}), 401)
    assert_problem(writing.client.patch(url, content="suspend: true", headers=BEARER), 415)
    broken = {**BEARER, "Content-Type": "application/json"}
    assert_problem(writing.client.patch(url, content='{"suspend": true, "suspend": false}', headers=broken), 400)
    assert writing.kubernetes.calls_of("PATCH", PATH) == []


def test_of_a_batch_that_has_ended_only_the_criteria_can_be_edited(writing: Written, history: History) -> None:
    record = history.finish(history.accept("over"), "AllSucceeded")
    put(writing, "over", record.uid)
    for body in ({"suspend": False}, {"suspend": False, "successCriteria": {}}):
        assert "has ended" in assert_problem(writing.edit("over", body), 409).detail
    assert writing.kubernetes.calls_of("PATCH", PATH) == []
    response = writing.edit("over", {"successCriteria": {"minTrades": 1}})
    assert (response.status_code, response.json()["state"]) == (202, "complete")
    assert spec_of(writing, "over")["successCriteria"] == {"minTrades": 1}


def test_a_batch_that_was_not_accepted_can_be_edited(writing: Written) -> None:
    conditions = [{"type": "Accepted", "status": "False", "reason": "SpecInvalid", "message": "bad"}]
    put(writing, "refused", status={"conditions": conditions})
    uid = put(writing, "pending")
    assert writing.edit("refused", {"maxConcurrent": 2}).json()["state"] == "failed"
    assert writing.edit(uid, {"maxConcurrent": 2}).json()["state"] == "pending"
    assert (spec_of(writing, "refused")["maxConcurrent"], spec_of(writing, "pending")["maxConcurrent"]) == (2, 2)


def test_what_is_not_there_is_not_edited(writing: Written, history: History) -> None:
    assert_problem(writing.edit("none", {"suspend": True}), 404)
    gone = history.accept("gone")
    assert "is gone" in assert_problem(writing.edit("gone", {"suspend": True}), 404).detail
    put(writing, "gone", "00000000-0000-4000-8000-00000000beef")
    assert_problem(writing.edit(gone.uid, {"suspend": True}), 404)
    assert "suspend" not in spec_of(writing, "gone")
    elsewhere = history.accept("elsewhere", namespace="elsewhere")
    assert_problem(writing.edit(elsewhere.uid, {"suspend": True}), 403)


def test_criteria_that_were_edited_judge_the_results_again(writing: Written, history: History) -> None:
    record = history.succeed(history.accept("judged"), 0, sharpe_ratio=0.5)
    put(writing, "judged", record.uid)
    writing.edit("judged", {"successCriteria": {"minSharpe": 0.9}})
    history.judge(history.edit(record, successCriteria=spec_of(writing, "judged")["successCriteria"]))
    (result,) = writing.client.get(f"{BATCHES}/judged/results").json()["results"]
    assert (result["passed"], result["rejections"]) == (False, ["low_sharpe_ratio"])

"""POST of a batch: what is created, what is answered, and how repeating it makes no second one."""

from typing import Any

import pytest

from backfleet_api.schemas.writing import Preview, Submitted
from tests.integration.api.kubernetes import BATCHES, BEARER, NAMESPACE, RUN, SPEC, Written, writing_app
from tests.integration.api.test_edges import assert_problem
from tests.support.databases import Database
from tests.support.history import History
from tests.world.api_server import ApiServer
from tests.world.faults import Fault

PATH = "optimizationbatches"
COUNTED = SPEC | {
    "parameters": [
        {"name": "fast", "type": "int", "range": {"start": 1, "end": 4, "step": 1}},
        {"name": "slow", "type": "int", "range": {"start": 1, "end": 4, "step": 1}},
    ],
    "constraints": ["fast < slow"],
}
LARGE = COUNTED | {
    "parameters": [
        {"name": "fast", "type": "int", "range": {"start": 1, "end": 1000, "step": 1}},
        {"name": "slow", "type": "int", "range": {"start": 1, "end": 1000, "step": 1}},
    ]
}


def test_a_batch_is_created_and_is_pending_until_the_operator_saw_it(writing: Written) -> None:
    response = writing.run(name="rsi-small", max_concurrent=2)
    made = Submitted.model_validate_json(response.content)
    (stored,) = writing.stored()
    assert response.status_code == 202
    assert made == Submitted(
        batch_id=stored["metadata"]["uid"],
        name="rsi-small",
        namespace=NAMESPACE,
        total=6,
        max_concurrent=2,
        is_new=True,
        status_url=f"{BATCHES}/{stored['metadata']['uid']}",
        warnings=[],
    )
    assert response.headers["location"] == made.status_url
    assert (stored["kind"], stored["apiVersion"]) == ("OptimizationBatch", "backfleet.io/v1alpha1")
    assert (stored["metadata"]["name"], stored["metadata"]["namespace"]) == ("rsi-small", NAMESPACE)
    assert stored["spec"] == SPEC | {"maxConcurrent": 2}
    for path in (made.status_url, f"{BATCHES}/rsi-small"):
        found = writing.client.get(path).json()
        assert (found["batch_id"], found["state"], found["max_concurrent"]) == (made.batch_id, "pending", 2)


def test_without_a_name_it_is_the_strategy_with_a_random_end(writing: Written) -> None:
    names = [writing.run().json()["name"] for _ in range(2)]
    assert len(set(names)) == 2
    for name in names:
        stem, _, end = name.rpartition("-")
        assert (stem, len(end)) == ("rsi-meanreversion-etf", 6)
        assert set(end) <= set("0123456789abcdef")
    assert len(writing.stored()) == 2


def test_a_random_name_that_is_taken_is_made_anew(writing: Written) -> None:
    writing.kubernetes.faults.append(Fault(PATH, "POST", code=409))
    assert writing.run().status_code == 202
    writing.kubernetes.faults.append(Fault(PATH, "POST", code=409, times=3))
    assert assert_problem(writing.run(), 409).errors[0].field == "name"
    assert len(writing.stored()) == 1


def test_the_total_is_what_the_constraints_leave(writing: Written) -> None:
    assert writing.run(COUNTED).json()["total"] == 6


def test_the_total_of_a_large_constrained_space_is_null_and_that_is_said(writing: Written) -> None:
    made = writing.run(LARGE).json()
    assert made["total"] is None
    assert "first 20,000 of 1,000,000 combinations" in made["warnings"][0]


def test_a_strategy_that_the_catalog_lacks_is_a_warning_with_a_hint(writing: Written) -> None:
    made = writing.run(SPEC | {"strategy": {"name": "RSI_MeanReversion_ETFF"}}).json()
    (warning,) = made["warnings"]
    assert "Did you mean RSI_MeanReversion_ETF?" in warning
    (warning,) = writing.run(SPEC | {"strategy": {"name": "zzz"}}).json()["warnings"]
    assert "did you mean" not in warning


def test_the_same_request_under_the_same_name_is_the_same_batch(writing: Written) -> None:
    first = writing.run(name="again")
    reordered = dict(reversed(SPEC.items()))
    second = writing.run(reordered, name="again")
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json() | {"is_new": False}
    assert len(writing.stored()) == 1


def test_it_is_the_same_batch_after_kubernetes_filled_in_defaults_and_after_it_was_cancelled(writing: Written) -> None:
    first = writing.run(name="again").json()
    (stored,) = writing.stored()
    stored["spec"] |= {"suspend": False, "maxConcurrent": 4}
    assert writing.cancel("again").status_code == 202
    assert writing.run(name="again").json() == first | {"is_new": False}


@pytest.mark.parametrize(
    ("batch", "more"),
    [
        pytest.param(SPEC | {"constraints": ["rsi_period > 14"]}, {}, id="another spec"),
        pytest.param(SPEC, {"max_concurrent": 7}, id="another limit"),
    ],
)
def test_a_name_that_is_taken_by_another_batch_is_a_conflict_that_names_it(
    writing: Written, batch: Any, more: dict[str, Any]
) -> None:
    writing.run(name="taken")
    problem = assert_problem(writing.run(batch, name="taken", **more), 409)
    assert problem.errors[0].field == "name"
    assert "taken in namespace backfleet" in problem.errors[0].problem
    assert len(writing.stored()) == 1


def test_a_batch_that_somebody_applied_is_never_taken_for_the_request(writing: Written) -> None:
    writing.kubernetes.objects.create(PATH, NAMESPACE, {"metadata": {"name": "applied"}, "spec": SPEC})
    assert_problem(writing.run(name="applied"), 409)


def test_a_repeated_idempotency_key_is_the_same_batch_and_another_batch_under_it_a_conflict(writing: Written) -> None:
    headers = {"Idempotency-Key": "key-of-mine"}
    first = writing.run(headers=headers).json()
    assert writing.run(headers=headers).json() == first | {"is_new": False}
    problem = assert_problem(writing.run(SPEC | {"strategy": {"name": "Other"}}, headers=headers), 409)
    assert problem.errors[0].field == "Idempotency-Key"
    assert writing.run(headers={"Idempotency-Key": "another-key"}).json()["is_new"] is True
    assert len(writing.stored()) == 2


def test_a_key_beside_a_name_leaves_the_name(writing: Written) -> None:
    assert writing.run(name="mine", headers={"Idempotency-Key": "key-of-mine"}).json()["name"] == "mine"


def test_a_retry_after_an_answer_that_was_lost_finds_the_batch(
    kubernetes: ApiServer, tmp_path: Any, database: Database
) -> None:
    # Made, and the answer lost: as a timeout of the API's or of the caller's leaves it.
    with writing_app(kubernetes, tmp_path, database.api_url) as first:
        made = first.run(name="retried").json()
        kubernetes.faults.append(Fault(PATH, "POST", "close"))
        lost = first.run(name="retried")
        assert (lost.status_code, lost.headers["retry-after"]) == (503, "5")
        assert first.run(name="retried").json() == made | {"is_new": False}


def test_a_dry_run_tells_count_ends_and_estimate_and_creates_nothing(writing: Written, history: History) -> None:
    batch = history.accept("before")
    for index in range(3):
        history.succeed(batch, index, sharpe_ratio=1.0)
    response = writing.run(dry_run=True, max_concurrent=4)
    found = Preview.model_validate_json(response.content)
    assert response.status_code == 200
    assert (found.total, found.combinations, found.counted, found.max_concurrent) == (6, 6, 6, 4)
    assert found.first is not None
    assert found.first.parameters.texts == {"rsi_period": "14", "entry_threshold": "0.005"}
    assert found.last is not None
    assert (found.last.index, found.last.parameters.values) == (5, {"rsi_period": 16, "entry_threshold": 25.0})
    assert found.estimate is not None
    each = found.estimate.seconds_per_backtest
    assert (found.estimate.backtests, found.estimate.seconds) == (3, round(2 * each, 1))
    assert each > 0
    assert writing.kubernetes.calls_of("POST", PATH) == []


def test_without_backtests_of_the_strategy_there_is_no_estimate(writing: Written, history: History) -> None:
    history.accept("unlaunched")
    other = history.accept("another-engine", spec={"engine": {"name": "lean"}})
    history.succeed(other, 0, sharpe_ratio=1.0)
    assert writing.run(dry_run=True).json()["estimate"] is None


def test_a_dry_run_counts_what_constraints_leave_and_finds_its_ends(writing: Written) -> None:
    found = writing.run(COUNTED, dry_run=True).json()
    assert (found["total"], found["combinations"], found["counted"]) == (6, 16, 16)
    assert found["first"]["parameters"]["values"] == {"fast": 1, "slow": 2}
    assert found["last"]["parameters"]["values"] == {"fast": 3, "slow": 4}


def test_a_dry_run_says_what_it_did_not_count(writing: Written, history: History) -> None:
    history.succeed(history.accept(), 0, sharpe_ratio=1.0)
    found = writing.run(LARGE, dry_run=True).json()
    assert (found["total"], found["counted"], found["last"], found["estimate"]) == (None, 20_000, None, None)
    assert found["first"]["parameters"]["values"] == {"fast": 1, "slow": 2}
    assert "first 20,000 of 1,000,000" in found["warnings"][0]


def test_a_dry_run_of_a_name_that_is_taken_is_no_conflict(writing: Written) -> None:
    writing.run(name="taken")
    assert writing.run(COUNTED, name="taken", dry_run=True).status_code == 200


def test_a_strategy_on_hold_is_refused(writing: Written, database: Database) -> None:
    database.server.execute(
        "UPDATE strategies SET status = 'on_hold' WHERE name = 'RSI_MeanReversion_ETF'", database.name
    )
    assert assert_problem(writing.run(), 422).errors[0].field == "batch.strategy.name"


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        pytest.param(Fault(PATH, "POST", code=403), 403, "Kubernetes forbids it", id="no right"),
        pytest.param(Fault(PATH, "POST", code=404), 404, "Kubernetes did not find it", id="no CRD"),
        pytest.param(Fault(PATH, "POST", code=422), 422, "Kubernetes refuses it", id="not valid"),
        pytest.param(Fault(PATH, "POST", code=400), 422, "Kubernetes refuses it", id="malformed"),
        pytest.param(Fault(PATH, "POST", code=401), 503, "Kubernetes answered 401", id="own token expired"),
        pytest.param(Fault(PATH, "POST", code=429), 503, "Kubernetes answered 429", id="throttled"),
        pytest.param(Fault(PATH, "POST", code=500), 503, "Kubernetes answered 500", id="broken"),
        pytest.param(Fault(PATH, "POST", "hang"), 503, "Kubernetes does not answer", id="silent"),
        pytest.param(Fault(PATH, "POST", "close"), 503, "Kubernetes does not answer", id="cut"),
        pytest.param(Fault(PATH, "POST", "garbage"), 503, "", id="garbage"),
        pytest.param(Fault(PATH, "POST", "not an object"), 503, "", id="no object"),
    ],
)
def test_what_kubernetes_says_is_translated(
    kubernetes: ApiServer, tmp_path: Any, database: Database, fault: Fault, status: int, said: str
) -> None:
    fault.times = 10
    kubernetes.faults.append(fault)
    with writing_app(kubernetes, tmp_path, database.api_url, cluster_write_seconds=0.3) as written:
        response = written.run(name="x")
    problem = assert_problem(response, status)
    assert said in problem.detail
    assert ("retry-after" in response.headers) == (status == 503)
    if status in (403, 422):
        assert problem.errors[0].field == "batch"


def test_a_field_that_kubernetes_names_is_named_as_the_request_has_it(
    writing: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.world import problems

    causes = [{"reason": "FieldValueInvalid", "message": "must be small", "field": "spec.data.symbols[0]"}]

    class Invalid(problems.Problem):
        def body(self) -> dict[str, Any]:
            return super().body() | {"details": {"causes": causes}}

    def refuse(*_: object) -> None:
        raise Invalid(422, "Invalid", "many words")

    monkeypatch.setattr(writing.kubernetes.objects, "create", refuse)
    (error,) = assert_problem(writing.run(), 422).errors
    assert (error.field, error.problem) == ("batch.data.symbols[0]", "Kubernetes refuses it: must be small")


def test_without_postgres_nothing_is_created(kubernetes: ApiServer, tmp_path: Any) -> None:
    with writing_app(kubernetes, tmp_path, "postgresql://api@127.0.0.1:1/none") as written:
        response = written.run(name="x")
    assert assert_problem(response, 503).detail == "Postgres does not answer"
    assert response.headers["retry-after"] == "5"
    assert kubernetes.calls == []


def test_without_a_kubernetes_the_hint_is_named(serve: Any) -> None:
    api = serve(token="a-token-of-these-tests")
    response = api.post(RUN, json={"batch": SPEC}, headers=BEARER)
    assert "KUBECONFIG" in assert_problem(response, 503).detail


def test_writing_calls_what_the_role_of_the_chart_allows(writing: Written) -> None:
    made = writing.run(name="x").json()
    writing.run(name="x")
    writing.client.get(made["status_url"])
    writing.client.get("/api/optimization/batches/00000000-0000-4000-8000-000000000000")
    writing.cancel("x")
    group = "backfleet.io"
    assert writing.kubernetes.rules() == {(group, PATH, verb) for verb in ("create", "get", "list", "patch")}


def test_the_pace_is_that_of_the_newest_batch_with_results(writing: Written, history: History) -> None:
    for name, count in (("oldest", 2), ("older", 1), ("newest", 0)):
        batch = history.accept(name)
        for index in range(count):
            history.succeed(batch, index, sharpe_ratio=1.0)
    assert writing.run(dry_run=True).json()["estimate"]["backtests"] == 1

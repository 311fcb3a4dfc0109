"""Batches on a real cluster, seen by an observer of its own: results, limits, sharing, deletion, cancellation, restarts."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from backfleet.core.backtests import BacktestRequest
from backfleet.core.space.constraints import compile_constraints, next_satisfying
from backfleet.core.space.parameters import build_space
from backfleet.core.spec.model import parse_spec
from backfleet.engines.bars.backtest import load_bars, run
from tests.support.live import Live
from tests.support.observer import wait_until, wait_until_gone

EXAMPLES = Path(__file__).resolve().parents[2] / "manifests" / "examples"
TTL = 60
PODS_END_SECONDS = 120
"""A kubelet may be busy with the first images of a cluster."""


def example(name: str, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    body["spec"] |= changes
    return body


def noop(name: str, count: int, **changes: Any) -> dict[str, Any]:
    """Return a batch of quick backtests that each take a second."""
    spec = {
        "strategy": {"name": "Noop"},
        "engine": {"name": "noop"},
        "data": {"symbols": ["AAPL"], "startDate": "2000-03-01", "endDate": "2001-03-01"},
        "parameters": [
            {"name": "value", "type": "int", "range": {"start": 1, "end": count, "step": 1}},
            {"name": "sleep_seconds", "type": "float", "value": 1.0},
        ],
        "ttlSecondsAfterFinished": TTL,
    }
    return {
        "apiVersion": "backfleet.io/v1alpha1",
        "kind": "OptimizationBatch",
        "metadata": {"name": name},
        "spec": spec | changes,
    }


def direct(manifest: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Return the metrics of every combination, computed in this process without a cluster."""
    spec = parse_spec(manifest["spec"])
    space = build_space(spec.declarations())
    constraints = compile_constraints(spec.constraints, space)
    indexes, _ = next_satisfying(space, constraints, 0, space.total, space.total)
    metrics = {}
    for index in indexes:
        request = BacktestRequest(
            engine="bars",
            strategy=spec.strategy.name,
            parameter_texts=space.combination(index).texts,
            symbols=tuple(spec.data.symbols),
            start_date=spec.data.start_date,
            end_date=spec.data.end_date,
            initial_cash=spec.data.initial_cash,
        )
        metrics[index] = dict(run(request, load_bars(request)).metrics)
    return metrics


def recorded(live: Live, uid: str) -> dict[int, dict[str, Any]]:
    """Return the metrics of every result row in Postgres."""
    rows = live.psql(
        "SELECT j.index, r.metrics FROM backtest_results r JOIN backtest_jobs j ON j.id = r.backtest_id "
        f"WHERE j.batch_uid = '{uid}' ORDER BY j.index"
    )
    assert len(rows) == len({index for index, _ in rows})
    return {int(index): json.loads(metrics) for index, metrics in rows}


def test_six_combinations_end_with_six_results_equal_to_those_computed_directly(live: Live) -> None:
    manifest = example("rsi-small", ttlSecondsAfterFinished=TTL)
    with live.observe() as observer:
        uid = live.apply(manifest)
        batch = live.wait_finished("rsi-small", 120)
    assert batch["status"]["progress"] == "6/6"
    assert live.condition("rsi-small", "Complete")["reason"] == "AllSucceeded"
    assert recorded(live, uid) == direct(manifest)
    assert {index for _, index, _ in observer.attempts_of(uid)} == {str(index) for index in range(6)}
    assert observer.most_alive <= 4
    assert observer.limits == {("1", "2Gi")}
    ranked = live.get(f"/api/optimization/batches/{uid}/results")["results"]
    values = [row["metrics"]["sharpe_ratio"] for row in ranked]
    assert len(ranked) == 6
    assert values == sorted(values, reverse=True)


def test_two_batches_share_the_four_slots(live: Live) -> None:
    with live.observe() as observer:
        first = live.apply(noop("share-one", 12))
        second = live.apply(noop("share-two", 12))
        live.wait_finished("share-one", 180)
        live.wait_finished("share-two", 180)
    assert observer.most_alive <= 4
    assert len(observer.attempts_of(first)) == len(observer.attempts_of(second)) == 12
    assert all(observer.most_alive_of[uid] >= 2 for uid in (first, second))
    order = live.psql(
        "SELECT j.batch_uid FROM backtest_attempts a JOIN backtest_jobs j ON j.id = a.backtest_id "
        f"WHERE j.batch_uid IN ('{first}', '{second}') ORDER BY a.launched_at, j.batch_uid"
    )
    half = [uid for (uid,) in order[:12]]
    assert min(half.count(first), half.count(second)) >= 4, "the second batch waited for the first"


def test_a_batch_is_deleted_in_the_middle(live: Live) -> None:
    manifest = noop("deleted", 40)
    manifest["spec"]["parameters"][1]["value"] = 3.0
    uid = live.apply(manifest)
    wait_until("some have run", lambda: (live.batch("deleted").get("status") or {}).get("succeeded", 0) >= 3, 90)
    live.delete("deleted")
    assert live.kubectl("get", "ob", "deleted", check=False).returncode != 0
    live.leaving["deleted"] = uid


def test_a_cancelled_batch_says_so_and_stops(live: Live) -> None:
    uid = live.apply(noop("cancelled", 40))
    wait_until("some have run", lambda: (live.batch("cancelled").get("status") or {}).get("succeeded", 0) >= 2, 90)
    live.kubectl("patch", "ob", "cancelled", "--type=merge", "-p", '{"spec": {"cancel": true}}')
    batch = live.wait_finished("cancelled", 60)
    assert live.condition("cancelled", "Failed")["reason"] == "Cancelled"
    status = batch["status"]
    assert status["succeeded"] + status["cancelled"] + status["failed"] == 40
    wait_until_gone("the pods of the cancelled batch", lambda: live.running_pods(uid), PODS_END_SECONDS)


def test_a_suspended_batch_starts_nothing_until_it_is_resumed(live: Live) -> None:
    uid = live.apply(noop("suspended", 2, suspend=True))
    wait_until("it is accepted", lambda: live.condition("suspended", "Accepted").get("status") == "True", 30)
    assert live.condition("suspended", "Suspended")["status"] == "True"
    assert live.jobs(uid) == []
    live.kubectl("patch", "ob", "suspended", "--type=merge", "-p", '{"spec": {"suspend": false}}')
    assert live.wait_finished("suspended", 60)["status"]["succeeded"] == 2


def test_a_name_of_253_characters_works(live: Live) -> None:
    name = ".".join(["long"] * 50).ljust(253, "x")
    live.apply(noop(name, 2))
    assert live.wait_finished(name, 90)["status"]["succeeded"] == 2


def test_a_million_combinations_are_accepted_in_seconds_and_cost_nothing(live: Live) -> None:
    axes = [
        {"name": name, "type": "int", "range": {"start": 1, "end": 100, "step": 1}}
        for name in ("value", "trades", "sleep_seconds")
    ]
    uid = live.apply(noop("million", 1, parameters=axes, suspend=True))
    wait_until("it is accepted", lambda: live.condition("million", "Accepted").get("status") == "True", 15)
    assert live.batch("million")["status"]["total"] == 1_000_000
    assert live.psql(f"SELECT count(*) FROM backtest_jobs WHERE batch_uid = '{uid}'") == [["0"]]
    live.delete("million")


def test_kubectl_shows_columns_and_scales(live: Live) -> None:
    live.apply(noop("columns", 2, suspend=True))
    wait_until("it is accepted", lambda: live.condition("columns", "Accepted").get("status") == "True", 30)
    header, line = live.kubectl("get", "optimizationbatches", "columns").stdout.splitlines()
    assert header.split() == ["NAME", "STRATEGY", "PROGRESS", "ACTIVE", "FAILED", "BEST", "STATUS", "AGE"]
    assert line.split()[:3] == ["columns", "Noop", "0/2"]
    live.kubectl("scale", "ob/columns", "--replicas=2")
    assert live.batch("columns")["spec"]["maxConcurrent"] == 2
    live.delete("columns")


@pytest.fixture(scope="module", autouse=True)
def clean(live: Live) -> Any:
    yield
    live.kubectl("delete", "ob", "--all", "--wait=true")


def test_an_edit_of_the_criteria_judges_a_finished_batch_anew_and_runs_nothing(live: Live) -> None:
    uid = live.apply(noop("judged-again", 2, successCriteria={"minTrades": 1}))
    assert live.wait_finished("judged-again", 60)["status"]["passed"] == 2
    live.kubectl("patch", "ob", "judged-again", "--type=merge", "-p", '{"spec":{"successCriteria":{"minSharpe":1.5}}}')
    wait_until("it is judged", lambda: live.batch("judged-again")["status"]["passed"] == 1, 30)
    ranked = live.get(f"/api/optimization/batches/{uid}/results")["results"]
    assert [(row["passed"], row["rejections"]) for row in ranked] == [(True, []), (False, ["low_sharpe_ratio"])]
    assert live.condition("judged-again", "Finished")["status"] == "True"
    assert live.psql(f"SELECT count(*) FROM backtest_attempts WHERE attempt_id LIKE '{uid}-%'") == [["2"]]

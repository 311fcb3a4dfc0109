"""The engine `lean` on a real cluster, with the stand-in for its launcher: every way in which a run may end, in one batch."""

import json
import subprocess
import sys
from typing import Any

import pytest

from hack.local import REPOSITORY
from tests.e2e.test_batches import TTL, direct
from tests.support.live import Live
from tests.support.observer import wait_until

ENDS = {
    "success": (None, 1),
    "hang": ("BacktestTimeout", 1),
    "zero_trades": (None, 1),
    "runtime_error": ("RuntimeError", 1),
    "runtime_error_exit_0": ("RuntimeError", 1),
    "initialize_error": ("InitializeError", 1),
    "no_data": ("NoData", 1),
    "stopped": ("EngineError", 1),
    "quit": ("StoppedByStrategy", 1),
    "truncated_json": ("ResultInvalid", 2),
    "no_file": ("ResultMissing", 2),
    "out_of_memory": ("OOMKilled", 2),
    "crash": ("EngineCrash", 2),
}
"""By scenario: the reason of its failure, and how many attempts it gets."""
PROJECTS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "lean-projects"},
    "data": {"main.py": "# the stand-in runs the strategy of the project's name by `bars`\n"},
}
FINISHED_SECONDS = 180


def lean(name: str, **changes: Any) -> dict[str, Any]:
    """Return a batch for LEAN of a strategy whose project only the catalog names."""
    spec = {
        "strategy": {"name": "RSI_MeanReversion_ETF"},
        "engine": {"name": "lean"},
        "data": {"symbols": ["AAPL"], "startDate": "2000-03-01", "endDate": "2013-03-01", "initialCash": 1000},
        "parameters": [
            {"name": "scenario", "type": "string", "values": list(ENDS)},
            {"name": "rsi_period", "type": "int", "value": 14},
            {"name": "entry_threshold", "type": "float", "value": 30},
        ],
        "failurePolicy": {"backtestTimeoutSeconds": 20},
        "ttlSecondsAfterFinished": TTL,
    }
    return {
        "apiVersion": "backfleet.io/v1alpha1",
        "kind": "OptimizationBatch",
        "metadata": {"name": name},
        "spec": spec | changes,
    }


def packed() -> dict[str, Any]:
    """Return the mixed batch in one Job at a time, a process each. What hangs is the last, so that the others have their turn."""
    hangs_last = sorted(ENDS, key=lambda scenario: scenario == "hang")
    parameters = [{"name": "scenario", "type": "string", "values": hangs_last}, *lean("x")["spec"]["parameters"][1:]]
    fresh = {"name": "lean", "warm": "never"}
    return lean("lean-packed", parameters=parameters, engine=fresh, backtestsPerJob=len(ENDS), maxConcurrent=1)


@pytest.fixture(scope="module")
def uids(live: Live) -> tuple[str, str]:
    """Return the mixed batch, finished, and the same in packs, which goes on while other tests run."""
    live.kubectl("apply", "-f", "-", stdin=json.dumps(PROJECTS))
    uid = live.apply(lean("lean-mixed"))
    live.wait_finished("lean-mixed", FINISHED_SECONDS)
    return uid, live.apply(packed())


@pytest.fixture(scope="module")
def uid(uids: tuple[str, str]) -> str:
    return uids[0]


def rows(live: Live, uid: str) -> dict[str, list[str]]:
    """Return per scenario: state, the deciding attempt's reason and message, and how many attempts there were."""
    found = live.psql(
        "SELECT j.combination->>'scenario', j.state, coalesce(a.reason, ''), coalesce(a.message, '') <> '', "
        "(SELECT count(*) FROM backtest_attempts n WHERE n.backtest_id = j.id) "
        "FROM backtest_jobs j JOIN backtest_attempts a ON a.attempt_id = j.deciding_attempt_id "
        f"WHERE j.batch_uid = '{uid}'"
    )
    return {scenario: rest for scenario, *rest in found}


def test_every_end_of_a_run_has_its_state_and_reason(live: Live, uid: str) -> None:
    wanted = {
        scenario: ["failed", reason, "t", str(attempts)] if reason else ["succeeded", "", "f", str(attempts)]
        for scenario, (reason, attempts) in ENDS.items()
    }
    assert rows(live, uid) == wanted
    status = live.batch("lean-mixed")["status"]
    assert (status["progress"], status["succeeded"], status["failed"]) == ("13/13", 2, 11)
    assert live.condition("lean-mixed", "Complete")["reason"] == "CompletedWithFailures"


def test_what_succeeded_has_the_metrics_and_is_ranked(live: Live, uid: str) -> None:
    found = live.psql(
        "SELECT j.combination->>'scenario', r.metrics, o.body->'warnings' FROM backtest_results r "
        "JOIN backtest_outcomes o USING (attempt_id) JOIN backtest_jobs j ON j.id = r.backtest_id "
        f"WHERE j.batch_uid = '{uid}' ORDER BY j.index"
    )
    assert [scenario for scenario, *_ in found] == ["success", "zero_trades"]
    metrics, nothing = (json.loads(metrics) for _, metrics, _ in found)
    bars = lean("direct", engine={"name": "bars"})
    bars["spec"]["parameters"].pop(0)
    measured = direct(bars)[0]
    for name in ("sharpe_ratio", "net_profit", "drawdown", "win_rate"):
        rounded = 0.00051 if name == "sharpe_ratio" else 0.00006  # LEAN shows three decimals of the ratio
        assert metrics[name] == pytest.approx(measured[name], abs=rounded)
    assert metrics["total_orders"] == measured["total_orders"] > 0
    assert nothing["total_orders"] == 0
    assert "zero orders" in found[1][2]
    best = live.get(f"/api/optimization/batches/{uid}/results")["results"][0]
    assert best["parameters"]["values"]["scenario"] == "success"


ABORT, WAIT = "abort", "wait"


@pytest.mark.usefixtures("uid")
@pytest.mark.parametrize("shutdown", [ABORT, WAIT])
def test_twenty_runs_whose_process_does_not_end_well_after_its_results_are_twenty_results(
    live: Live, shutdown: str
) -> None:
    """LEAN's shutdown of Python aborts the process, or waits for nothing: then each engine ends within 3 s of its results."""
    parameters = [
        {"name": "shutdown", "type": "string", "value": shutdown},
        {"name": "rsi_period", "type": "int", "range": {"start": 5, "end": 24, "step": 1}},
        {"name": "entry_threshold", "type": "float", "value": 30},
    ]
    name = f"lean-{shutdown}"
    uid = live.apply(lean(name, parameters=parameters, maxConcurrent=4))
    live.wait_finished(name, FINISHED_SECONDS)
    status = live.batch(name)["status"]
    assert (status["progress"], status["succeeded"], status["failed"]) == ("20/20", 20, 0)
    found = live.psql(
        "SELECT a.number, a.exit_code, o.body->'warnings', o.body#>>'{provenance,shutdown}' FROM backtest_attempts a "
        "JOIN backtest_results r USING (attempt_id) JOIN backtest_outcomes o USING (attempt_id) "
        f"WHERE a.batch_uid = '{uid}'"
    )
    # What the shim ended had two seconds for it, of the ten that the stand-in would take.
    exit_code, note = (
        ("134", "") if shutdown == ABORT else ("137", "ended by Backfleet after it had reported its files complete")
    )
    assert [(number, code, ended) for number, code, _, ended in found] == [("1", exit_code, note)] * 20
    assert all(("SIGABRT" in warnings) is (shutdown == ABORT) for _, _, warnings, _ in found)


OF_PACKS = (
    "SELECT j.combination->>'scenario', j.state, coalesce(a.reason, ''), coalesce(a.exit_code::text, ''), j.charged, "
    "coalesce(r.metrics::text, ''), coalesce(o.body->>'warnings', '') "
    "FROM backtest_jobs j JOIN backtest_attempts a ON a.attempt_id = j.deciding_attempt_id "
    "LEFT JOIN backtest_results r ON r.backtest_id = j.id LEFT JOIN backtest_outcomes o ON o.attempt_id = r.attempt_id "
)


def test_every_run_in_a_pack_ends_as_in_a_job_of_its_own(live: Live, uids: tuple[str, str]) -> None:
    live.wait_finished("lean-packed", FINISHED_SECONDS)
    alone, together = uids
    ends = {scenario: rest for scenario, *rest in live.psql(f"{OF_PACKS} WHERE j.batch_uid = '{alone}'")}
    assert ends.keys() == ENDS.keys()
    assert {scenario: rest for scenario, *rest in live.psql(f"{OF_PACKS} WHERE j.batch_uid = '{together}'")} == ends
    shared = (
        "SELECT max(n) FROM (SELECT count(*) AS n FROM backtest_attempts "
        f"WHERE batch_uid = '{together}' AND reason IS DISTINCT FROM 'NotBegun' GROUP BY pack_id) AS ran"
    )
    assert int(live.psql(shared)[0][0]) > len(ENDS) // 2
    assert live.psql(f"SELECT sum(uncharged) FROM backtest_jobs WHERE batch_uid = '{together}'") == [["0"]]


def test_nothing_is_left_running(live: Live, uid: str) -> None:
    def is_over() -> bool:
        pods = all(pod.status.phase in ("Succeeded", "Failed") for pod in live.pods(uid))
        return pods and not any(job.status.active for job in live.jobs(uid))

    wait_until("no pod or Job of the batch runs", is_over, 60)
    left = live.psql(
        f"SELECT count(*) FROM backtest_jobs WHERE batch_uid = '{uid}' AND state IN ('launching', 'running')"
    )
    assert left == [["0"]]


def test_a_project_that_the_catalog_does_not_know_is_registered_for_testing(live: Live) -> None:
    live.apply(lean("lean-own", strategy={"name": "Own_Idea", "leanProjectPath": "mine/own"}, suspend=True))
    wait_until("it is accepted", lambda: live.condition("lean-own", "Accepted").get("status") == "True", 30)
    found = live.psql("SELECT status, lean_project_path FROM strategies WHERE name = 'Own_Idea'")
    assert found == [["testing", ""]]


@pytest.mark.parametrize("engine", ["bars", "lean"])
def test_a_strategy_on_hold_is_refused_with_the_reason(live: Live, engine: str) -> None:
    strategy = {"name": "MicroFutures_Momentum_MESNQ", "leanProjectPath": "STR-007"}
    name = f"on-hold-{engine}"
    live.apply(lean(name, strategy=strategy, engine={"name": engine}))
    wait_until("it is refused", lambda: live.condition(name, "Finished").get("reason") == "SpecInvalid", 30)
    assert "is on hold" in live.condition(name, "Finished")["message"]


def test_verify_lean_runs_its_cases_on_a_cluster_and_leaves_nothing(live: Live) -> None:
    """Run four of them: tests/integration/test_verify_lean.py runs the others, all but the one for memory."""
    kubeconfig, image = live.environment["KUBECONFIG"], settings_of(live)["engines"]["lean"]["image"]
    where = ["--kubeconfig", kubeconfig, "--namespace", live.namespace, "--image", image, "--deadline-seconds", "120"]
    where += ["--hang-seconds", "5"]
    names = ("sample", "success", "out-of-memory", "warm")
    done = subprocess.run(
        [sys.executable, "hack/verify_lean", *where, *(word for name in names for word in ("--only", name))],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "16 of 16 rules hold" in done.stdout, "the warm pack has thirteen members"
    left = live.kubectl("get", "pods,configmaps", "-l", "app.kubernetes.io/name=verify-lean", "-o", "name").stdout
    assert left == ""


def settings_of(live: Live) -> dict[str, Any]:
    """Return the operator's settings as they are installed."""
    path = "jsonpath={.data.settings\\.json}"
    body: dict[str, Any] = json.loads(live.kubectl("get", "configmap", "backfleet-settings", "-o", path).stdout)
    return body


@pytest.fixture(scope="module", autouse=True)
def clean(live: Live) -> Any:
    yield
    live.kubectl("delete", "ob", "--all", "--wait=true")
    live.kubectl("delete", "configmap", "lean-projects", "--ignore-not-found")

"""Jobs of `lean` whose backtests share a process, on a real cluster: nothing is lost, and a difference undoes all."""

import json
from collections import Counter
from typing import Any

import pytest

from tests.e2e.test_batches import direct
from tests.e2e.test_chaos import OPERATOR, POSTGRES, delete_some, kill, wait_for_outcomes
from tests.e2e.test_lean import FINISHED_SECONDS, PROJECTS, lean
from tests.support.live import Live

RUNS = """
SELECT j.index, r.run, j.attempt_count, r.metrics FROM backtest_results r JOIN backtest_jobs j ON j.id = r.backtest_id
WHERE j.batch_uid = '{}' ORDER BY j.index
"""


def warm(name: str, periods: int, scenario: str, **changes: Any) -> dict[str, Any]:
    """Return a batch whose Jobs carry ten backtests, two at a time."""
    parameters = [
        {"name": "scenario", "type": "string", "value": scenario},
        {"name": "rsi_period", "type": "int", "range": {"start": 5, "end": 4 + periods, "step": 1}},
        {"name": "entry_threshold", "type": "float", "value": 30},
    ]
    return lean(name, parameters=parameters, backtestsPerJob=10, maxConcurrent=2, **changes)


@pytest.fixture(scope="module", autouse=True)
def projects(live: Live) -> None:
    live.kubectl("apply", "-f", "-", stdin=json.dumps(PROJECTS))


def test_warm_runs_are_checked_and_survive_the_death_of_operator_pod_and_postgres(live: Live) -> None:
    manifest = warm("lean-warm", 40, "success")
    uid = live.apply(manifest)
    wait_for_outcomes(live, uid, 4)
    kill(live, OPERATOR)
    wait_for_outcomes(live, uid, 12)
    delete_some(live, uid, "pod", 1)
    wait_for_outcomes(live, uid, 20)
    kill(live, POSTGRES)
    status = live.wait_finished("lean-warm", FINISHED_SECONDS)["status"]
    assert (status["progress"], status["failed"], status["cancelled"]) == ("40/40", 0, 0)
    rows = live.psql(RUNS.format(uid))
    runs = Counter(run for _, run, *_ in rows)
    assert runs["checked"] >= 3, "the first two warm runs and the twenty-first"
    assert runs["warm"] >= 20
    assert live.condition("lean-warm", "Warm")["reason"] == "ChecksEqual"
    bars = lean("direct", engine={"name": "bars"})
    bars["spec"]["parameters"] = manifest["spec"]["parameters"][1:]
    measured = direct(bars)
    for index, _, _, metrics in rows:
        found = json.loads(metrics)
        for name in ("net_profit", "drawdown", "win_rate"):
            assert found[name] == pytest.approx(measured[int(index)][name], abs=0.00006), (index, name)


def test_a_difference_is_found_and_no_result_stays_unchecked(live: Live) -> None:
    """The statistics of `sees_others` depend on what ran before it in its process."""
    try:
        uid = live.apply(warm("lean-differs", 8, "sees_others"))
        status = live.wait_finished("lean-differs", FINISHED_SECONDS)["status"]
        assert (status["progress"], status["succeeded"]) == ("8/8", 8)
        assert "warm" not in {run for _, run, *_ in live.psql(RUNS.format(uid))}
        condition = live.condition("lean-differs", "Warm")
        assert (condition["status"], condition["reason"]) == ("False", "ResultsDiffer")
        events = live.kubectl("get", "events", "--field-selector", "reason=WarmRunsDiffer", "-o", "name").stdout
        assert "lean-differs" in events
        results = live.get(f"/api/optimization/batches/{uid}/results")["results"]
        assert "warm" not in {each["run"] for each in results}
        refused = live.psql("SELECT image FROM warm_refusals")
        assert len(refused) == 1
        assert "lean-stand-in" in refused[0][0]
    finally:
        live.psql("DELETE FROM warm_refusals")

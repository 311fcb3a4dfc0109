"""Every way in which a single backtest may fail on a real cluster; the others go on."""

from typing import Any

import pytest

from tests.e2e.test_batches import noop
from tests.support.live import Live
from tests.support.observer import wait_until


def reasons(live: Live, uid: str) -> dict[str, str]:
    """Return the last attempt's reason of every failed backtest, by the parameter that made it fail."""
    rows = live.psql(
        "SELECT j.index, a.reason FROM backtest_jobs j JOIN backtest_attempts a ON a.attempt_id = j.deciding_attempt_id "
        f"WHERE j.batch_uid = '{uid}' AND j.state = 'failed'"
    )
    return dict(row for row in rows)


CASES = [
    pytest.param({"write_mib": 300}, "StorageLimitExceeded", 1, id="writes more than its volume may hold"),
    pytest.param({"exit_code": 7}, "EngineError", 1, id="engine exits with a code"),
    pytest.param({"allocate_mib": 3000}, "OOMKilled", 2, id="out of memory"),
    pytest.param({"hang": "forever"}, "BacktestTimeout", 1, id="hangs"),
    pytest.param({"hang": "stubborn"}, "BacktestTimeout", 1, id="hangs and ignores SIGTERM"),
    pytest.param({"result": "missing"}, "ResultMissing", 2, id="leaves no file"),
    pytest.param({"result": "broken"}, "ResultInvalid", 2, id="leaves half a file"),
    pytest.param({"result": "link"}, "ResultInvalid", 2, id="leaves a link"),
    pytest.param({"result": "huge"}, "ResultInvalid", 2, id="leaves a huge file"),
    pytest.param({"result": "nan"}, "ResultInvalid", 2, id="writes NaN"),
    pytest.param({"signal": 11}, "EngineCrash", 2, id="crashes"),
]

NO_IMAGE, IN_A_PACK = "no-image", "fails-in-a-pack"


def name_of(parameters: dict) -> str:
    return "fails-" + "-".join(f"{key}-{value}" for key, value in parameters.items()).replace("_", "-")


@pytest.fixture(scope="module")
def uids(live: Live) -> dict[str, str]:
    """Run all cases at once: one backtest that fails and one that does not, in a batch each; and one that cannot start."""
    absent = {"name": "noop", "image": "localhost/backfleet:absent"}
    found = {NO_IMAGE: live.apply(noop(NO_IMAGE, 1, engine=absent, failurePolicy={"startTimeoutSeconds": 15}))}
    for case in CASES:
        parameters: Any = case.values[0]
        name = name_of(parameters)
        (key, value), kind = next(iter(parameters.items())), "int"
        good: int | str = 0
        if isinstance(value, str):
            kind, good = "string", {"hang": "no", "result": "ok"}[key]
        axes = [{"name": key, "type": kind, "values": [value, good]}, {"name": "value", "type": "int", "value": 1}]
        # A kubelet looks at what volumes hold about once a minute.
        policy = {"backtestTimeoutSeconds": 240 if key == "write_mib" else 8}
        found[name] = live.apply(noop(name, 1, parameters=axes, failurePolicy=policy))
    axes = [{"name": "write_mib", "type": "int", "values": [0, 300]}, {"name": "value", "type": "int", "value": 1}]
    patient = {"backtestTimeoutSeconds": 240}
    found[IN_A_PACK] = live.apply(noop(IN_A_PACK, 1, parameters=axes, failurePolicy=patient, backtestsPerJob=2))
    return found


@pytest.mark.parametrize(("parameters", "reason", "attempts"), CASES)
def test_a_failing_backtest_ends_with_its_reason_and_touches_no_other(
    live: Live, uids: dict[str, str], parameters: dict, reason: str, attempts: int
) -> None:
    name = name_of(parameters)
    batch = live.wait_finished(name, 300)
    assert (batch["status"]["succeeded"], batch["status"]["failed"]) == (1, 1)
    assert live.condition(name, "Complete")["reason"] == "CompletedWithFailures"
    assert reasons(live, uids[name]) == {"0": reason}
    made = live.psql(f"SELECT count(*) FROM backtest_attempts WHERE backtest_id = '{uids[name]}-0'")
    assert made == [[str(attempts)]]
    answer = live.get(f"/api/backtests/{uids[name]}-0")
    assert (answer["state"], answer["attempts"][-1]["reason"]) == ("failed", reason)
    assert answer["attempts"][-1]["message"]


def test_a_backtest_that_fills_the_volume_of_its_pack_fails_alone(live: Live, uids: dict[str, str]) -> None:
    batch = live.wait_finished(IN_A_PACK, 300)
    assert (batch["status"]["succeeded"], batch["status"]["failed"]) == (1, 1)
    assert reasons(live, uids[IN_A_PACK]) == {"1": "StorageLimitExceeded"}
    made = live.psql(
        "SELECT j.index, p.size, a.number, a.is_charged FROM backtest_attempts a JOIN backtest_packs p USING (pack_id) "
        f"JOIN backtest_jobs j ON j.id = a.backtest_id WHERE a.batch_uid = '{uids[IN_A_PACK]}' ORDER BY 1, 3"
    )
    assert made == [["0", "2", "1", ""], ["0", "1", "2", ""], ["1", "2", "1", ""], ["1", "1", "2", "t"]]


def test_a_job_deleted_by_hand_is_made_again(live: Live) -> None:
    manifest = noop("by-hand", 2)
    manifest["spec"]["parameters"][1]["value"] = 5.0
    uid = live.apply(manifest)
    running = f"SELECT 1 FROM backtest_jobs WHERE batch_uid = '{uid}' AND index = 0 AND state = 'running'"
    wait_until("the operator has seen its Job", lambda: live.psql(running), 30)
    job = next(each for each in live.jobs(uid) if each.metadata.labels["backfleet.io/index"] == "0")
    live.kubectl("delete", "job", job.metadata.name, "--wait=false")
    batch = live.wait_finished("by-hand", 120)
    assert batch["status"]["succeeded"] == 2
    first = live.psql(f"SELECT number, reason FROM backtest_attempts WHERE backtest_id = '{uid}-0' ORDER BY number")
    assert [number for number, _ in first] == ["1", "2"]
    assert first[0][1] == "JobVanished"


def test_an_image_that_cannot_be_pulled_ends_with_start_timeout(live: Live, uids: dict[str, str]) -> None:
    batch = live.wait_finished(NO_IMAGE, 120)
    assert batch["status"]["failed"] == 1
    assert reasons(live, uids[NO_IMAGE]) == {"0": "StartTimeout"}
    message = live.get(f"/api/backtests/{uids[NO_IMAGE]}-0")["attempts"][-1]["message"]
    assert "Image" in message or "Pull" in message
    wait_until("its pod is gone", lambda: not live.pods(uids[NO_IMAGE]), 60)


@pytest.fixture(scope="module", autouse=True)
def clean(live: Live):
    yield
    live.kubectl("delete", "ob", "--all", "--wait=true")

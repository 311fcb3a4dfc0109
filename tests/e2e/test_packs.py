"""Several backtests in one Job, on a real Kubernetes: the same results, whatever happens in the middle."""

import os
import signal
from pathlib import Path
from typing import Any

from tests.e2e.test_batches import TTL, direct, noop, recorded
from tests.e2e.test_chaos import OPERATOR, POSTGRES, delete_some, kill, wait_for_outcomes
from tests.soak.test_full_space import COUNT, full_space
from tests.support.live import Live
from tests.support.observer import wait_until, wait_until_gone


def packed(name: str, count: int, size: int | str, seconds: float = 0.2, **changes: Any) -> dict[str, Any]:
    """Return a batch of the engine noop whose backtests each take so many seconds, that many in a Job."""
    manifest = noop(name, count, backtestsPerJob=size, **changes)
    manifest["spec"]["parameters"][1]["value"] = seconds
    return manifest


def runs_large_packs(live: Live, name: str) -> bool:
    """Report whether a batch is past its first Jobs, which carry at most 5 backtests in each of 4 slots."""
    return bool(live.batch(name).get("status", {}).get("activeBacktests", 0) > 20)


def attempts(live: Live, uid: str) -> list[tuple[int, int, str, str]]:
    """Return index, number, reason and whether it was charged, of every attempt that failed."""
    rows = live.psql(
        "SELECT j.index, a.number, a.reason, a.is_charged FROM backtest_attempts a "
        f"JOIN backtest_jobs j ON j.id = a.backtest_id WHERE j.batch_uid = '{uid}' AND a.reason IS NOT NULL ORDER BY 1, 2"
    )
    return [(int(index), int(number), reason, charged) for index, number, reason, charged in rows]


def test_the_full_space_in_packs_has_the_results_of_direct_runs_although_everything_is_killed(live: Live) -> None:
    manifest = full_space()
    manifest["metadata"]["name"] = "packed-space"
    manifest["spec"] |= {"backtestsPerJob": 25, "ttlSecondsAfterFinished": TTL}
    with live.observe() as observer:
        uid = live.apply(manifest)
        for share, blow in ((5, lambda: kill(live, OPERATOR)), (150, lambda: kill(live, POSTGRES, OPERATOR))):
            wait_for_outcomes(live, uid, share)
            delete_some(live, uid, "job", 1)
            blow()
        batch = live.wait_finished("packed-space", 240)
    status = batch["status"]
    assert (status["progress"], status["failed"], status["cancelled"]) == (f"{COUNT}/{COUNT}", 0, 0)
    assert recorded(live, uid) == direct(manifest)
    assert observer.most_alive <= 4
    assert live.psql(f"SELECT max(size), sum(unsettled) FROM backtest_packs WHERE batch_uid = '{uid}'") == [["25", "0"]]
    live.leaving["packed-space"] = uid


def test_a_suspended_pack_ends_soon_and_the_rest_runs_with_fewer_jobs_until_it_is_cancelled(live: Live) -> None:
    uid = live.apply(packed("packed-suspended", 200, 100, seconds=0.5))
    wait_until("a pack of several runs", lambda: runs_large_packs(live, "packed-suspended"), 90)
    live.kubectl("patch", "ob", "packed-suspended", "--type=merge", "-p", '{"spec": {"suspend": true}}')
    # A Job begins nothing more after packSeconds, and what it began takes half a second.
    delete_in_the_middle_of_packs(live)
    wait_until("nothing runs", lambda: live.batch("packed-suspended")["status"]["active"] == 0, 60)
    ended = live.batch("packed-suspended")["status"]["succeeded"]
    assert 0 < ended < 200
    assert {reason for _, _, reason, _ in attempts(live, uid)} == {"NotBegun"}
    assert {charged for _, _, _, charged in attempts(live, uid)} == {""}
    assert recorded_count(live, uid) == ended
    live.kubectl("scale", "ob", "packed-suspended", "--replicas=2")
    live.kubectl(
        "patch",
        "ob",
        "packed-suspended",
        "--type=merge",
        "-p",
        '{"spec": {"suspend": false, "backtestsPerJob": "auto"}}',
    )
    with live.observe() as observer:
        wait_until("more have run", lambda: live.batch("packed-suspended")["status"]["succeeded"] > ended + 10, 90)
        wait_until("a pack of several runs", lambda: len(engines(live, uid)) == 2, 30)
        live.kubectl("patch", "ob", "packed-suspended", "--type=merge", "-p", '{"spec": {"cancel": true}}')
        status = live.wait_finished("packed-suspended", 60)["status"]
    assert (observer.most_alive_of[uid], status["effectiveMaxConcurrent"]) == (2, 2)
    assert status["succeeded"] + status["cancelled"] == 200
    assert recorded_count(live, uid) == status["succeeded"], "what is recorded stays, and no more is counted"
    wait_until_gone("the pods of the cancelled batch", lambda: live.running_pods(uid), 120)


def recorded_count(live: Live, uid: str) -> int:
    ((count,),) = live.psql(f"SELECT count(*) FROM backtest_results WHERE batch_uid = '{uid}'")
    return int(count)


def delete_in_the_middle_of_packs(live: Live) -> None:
    """Delete another batch of the same work while its packs run. The last test of this file looks at what it leaves."""
    uid = live.apply(packed("packed-deleted", 200, 100, seconds=0.5))
    wait_until("a pack of several runs", lambda: runs_large_packs(live, "packed-deleted"), 60)
    live.delete("packed-deleted")
    live.leaving["packed-deleted"] = uid


def test_every_member_of_a_pack_ends_in_its_own_way(live: Live) -> None:
    manifest = packed("packed-mixed", 1, 20)
    manifest["spec"]["parameters"] = [
        {"name": "exit_code", "type": "int", "values": [0, 7]},
        {"name": "signal", "type": "int", "values": [0, 11]},
        {"name": "result", "type": "string", "values": ["ok", "missing", "broken"]},
    ]
    manifest["spec"]["failurePolicy"] = {"maxAttempts": 1}
    uid = live.apply(manifest)
    live.wait_finished("packed-mixed", 120)
    rows = live.psql(f"SELECT index, state, reason FROM backtest_jobs WHERE batch_uid = '{uid}' ORDER BY index")
    ended = {int(index): reason or state for index, state, reason in rows}
    assert ended == {
        0: "succeeded", 1: "ResultMissing", 2: "ResultInvalid",
        **dict.fromkeys((3, 4, 5), "EngineCrash"),
        **dict.fromkeys((6, 7, 8), "EngineError"),
        **dict.fromkeys((9, 10, 11), "EngineCrash"),
    }  # fmt: skip
    assert len(live.psql(f"SELECT pack_id FROM backtest_packs WHERE batch_uid = '{uid}'")) < 6
    live.delete("packed-mixed")


def test_a_container_that_dies_as_a_whole_takes_no_result_and_charges_only_who_ran(live: Live) -> None:
    """The kernel's kill of a whole container, as Kubernetes 1.28 and later do it, is a SIGKILL to its first process."""
    uid = live.apply(packed("packed-dies", 60, 30, seconds=0.5))
    wait_until("a pack of several runs", lambda: runs_large_packs(live, "packed-dies"), 90)
    pod = wait_until("its engine runs", lambda: next(iter(engines(live, uid)), None), 60)
    os.kill(pod, signal.SIGKILL)
    status = live.wait_finished("packed-dies", 180)["status"]
    assert (status["succeeded"], status["failed"]) == (60, 0)
    died = [each for each in attempts(live, uid) if each[2] != "NotBegun"]
    assert len(died) > 5, "nobody shared the pod"
    assert {(reason, charged) for _, _, reason, charged in died} == {("EngineCrash", "")}
    # A pod that is over before a pass has listed it shows nothing.
    seen = f"FROM backtest_packs WHERE batch_uid = '{uid}' AND node_name IS NOT NULL"
    nodes = live.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").stdout.split()
    where = live.psql(f"SELECT DISTINCT node_name, image_digest {seen}")
    assert [(node in nodes, digest.startswith("sha256:")) for node, digest in where] == [(True, True)]
    assert live.psql(f"SELECT count(*) > 3 {seen}") == [["t"]]
    live.delete("packed-dies")


def engines(live: Live, uid: str) -> list[int]:
    """Return the first processes of the engines of a batch's packs of several, as the host sees them."""
    names = [f"HOSTNAME={pod.metadata.name}\0".encode() for pod in live.pods(uid) if pod.status.phase == "Pending"]
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
                status = (folder / "status").read_text()
            except OSError:
                continue
            is_first = any(line.startswith("NSpid:") and line.split()[-1] == "1" for line in status.splitlines())
            if is_first and command.startswith(b"/bin/sh") and any(name in environment for name in names):
                found.append(int(folder.name))
    return found


def test_batches_in_packs_leave_nothing_once_they_were_deleted_or_their_time_to_live_is_over(live: Live) -> None:
    space, deleted = live.leaving["packed-space"], live.leaving["packed-deleted"]
    wait_until_gone("Jobs of the finished batch", lambda: live.jobs(space), TTL + 60)
    wait_until_gone("pods of the finished batch", lambda: live.pods(space), 60)
    wait_until_gone("Jobs of the deleted batch", lambda: live.jobs(deleted), 60)
    wait_until_gone("pods of the deleted batch", lambda: live.pods(deleted), 120)
    open_rows = (
        f"SELECT id FROM backtest_jobs WHERE batch_uid = '{deleted}' AND state IN ('queued', 'launching', 'running') "
        f"UNION ALL SELECT pack_id FROM backtest_packs WHERE batch_uid = '{deleted}' AND unsettled > 0"
    )
    wait_until_gone("open rows of the deleted batch", lambda: live.psql(open_rows), 150)
    assert recorded_count(live, deleted) < 200
    live.delete("packed-space", "packed-suspended")

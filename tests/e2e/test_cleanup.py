"""What batches of the tests before leave: nothing, once they were deleted or their time to live is over."""

import pytest

from tests.e2e.test_batches import TTL, recorded
from tests.support.live import Live
from tests.support.observer import wait_until


def uid_of(live: Live, name: str) -> str:
    if name not in live.leaving:
        pytest.skip(f"the test that makes the batch {name} did not run, or failed")
    return live.leaving[name]


def test_a_finished_batch_leaves_no_job_and_no_pod_after_its_time_to_live(live: Live) -> None:
    uid = uid_of(live, "chaos")
    assert live.batch("chaos")["metadata"]["uid"] == uid
    wait_until("no Job or pod is left after the TTL", lambda: not live.jobs(uid) and not live.pods(uid), TTL + 60)


def test_a_deleted_batch_leaves_nothing_but_its_results(live: Live) -> None:
    uid = uid_of(live, "deleted")

    def nothing_left() -> bool:
        running = live.psql(
            f"SELECT count(*) FROM backtest_jobs WHERE batch_uid = '{uid}' AND state IN ('queued', 'launching', 'running')"
        )
        ended = live.psql(f"SELECT state, finish_reason FROM optimization_batches WHERE uid = '{uid}'")
        is_over = running == [["0"]] and ended == [["finished", "Deleted"]]
        return is_over and not live.jobs(uid) and not live.pods(uid)

    wait_until("no Job, pod or running row is left", nothing_left, 150)
    assert len(recorded(live, uid)) >= 3

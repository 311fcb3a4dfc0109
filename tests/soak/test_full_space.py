"""A whole space of a real strategy on a real cluster: `make soak`, by hand or nightly, about six minutes."""

import re
import time
from typing import Any

import pytest

from tests.e2e.test_batches import direct, recorded
from tests.support.live import Live
from tests.support.observer import wait_until

COUNT = 486
SECONDS = 1500
PROGRESS_SECONDS = 10.0


def full_space() -> dict[str, Any]:
    """Return STR-001 over all of its ranges, on the shipped bars."""
    ranges = {
        "rsi_period": ("int", 10, 20, 2),
        "entry_threshold": ("int", 25, 35, 5),
        "exit_threshold": ("int", 50, 70, 10),
        "stop_loss_pct": ("float", 0.01, 0.02, 0.005),
        "profit_target_pct": ("float", 0.015, 0.025, 0.005),
    }
    return {
        "apiVersion": "backfleet.io/v1alpha1",
        "kind": "OptimizationBatch",
        "metadata": {"name": "full-space"},
        "spec": {
            "strategy": {"name": "RSI_MeanReversion_ETF"},
            "engine": {"name": "bars"},
            "data": {"symbols": ["AAPL"], "startDate": "2000-03-01", "endDate": "2013-03-01"},
            "parameters": [
                {"name": name, "type": kind, "range": {"start": start, "end": end, "step": step}}
                for name, (kind, start, end, step) in ranges.items()
            ],
            "ttlSecondsAfterFinished": 60,
        },
    }


def operator_peak_mib(live: Live) -> float:
    """Return the most memory that the operator's process ever held."""
    text = live.kubectl("exec", "deploy/backfleet-operator", "--", "cat", "/proc/1/status").stdout
    found = re.search(r"^VmHWM:\s+(\d+) kB$", text, re.MULTILINE)
    assert found, text
    return int(found.group(1)) / 1024


@pytest.mark.timeout(3000)
def test_the_full_space_of_a_strategy(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = full_space()
    started = time.monotonic()
    with live.observe() as observer:
        uid = live.apply(manifest)

        def is_finished() -> bool:
            status = live.batch("full-space").get("status", {})
            with capsys.disabled():
                print(f"  {time.monotonic() - started:5.0f} s  {status.get('progress', '')}", flush=True)
            return bool(status.get("finishedAt"))

        wait_until("the batch is finished", is_finished, SECONDS, PROGRESS_SECONDS)
    seconds = time.monotonic() - started
    status, peak = live.batch("full-space")["status"], operator_peak_mib(live)
    with capsys.disabled():
        print(
            f"makespan {seconds:.0f} s, {status['succeeded']}/{COUNT} succeeded, operator's peak memory {peak:.0f} MiB"
        )
    assert (status["succeeded"], status["failed"], status["cancelled"]) == (COUNT, 0, 0)
    assert observer.most_alive <= 4
    assert recorded(live, uid) == direct(manifest)
    live.delete("full-space")

"""A result made to fill the recorder's memory: read within the 256 MiB that its container has."""

import subprocess
import sys
from pathlib import Path

import pytest

from backfleet.engines.lean.layout import RESULT_FILE, SUMMARY_FILE
from tests.support.engines import make_request
from tests.support.lean_results import write_exit

OPERATOR = Path(__file__).resolve().parents[2] / "operator"
LIMIT_MIB = 240
READ = """
import resource, sys
from pathlib import Path
import backfleet.recorder.main
from backfleet.core.backtests import BacktestRequest
from backfleet.engines.lean.outcome import outcome_of_run
print(outcome_of_run(Path(sys.argv[1]), BacktestRequest.from_json(sys.argv[2])).ending.reason.value)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
GOOD = '"state": {"Status": "Completed", "EndTime": "x"}'


def many(count: int) -> str:
    return ",".join(f'"{number:07d}":{number % 10}.5' for number in range(count))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: f'{{{GOOD}, "orders": {{{many(999_000)}}}}}', "ResultInvalid"),
        (lambda: f'{{{GOOD}, "totalPerformance": {{"portfolioStatistics": {{{many(999_000)}}}}}}}', "ResultInvalid"),
        (lambda: f'{{"state": {{"RuntimeError": "\U0001f600{"x" * 16_000_000}"}}}}', "InitializeError"),
    ],
    ids=["a million orders", "a million figures", "a wide error of 16 MB"],
)
def test_a_result_that_is_made_to_fill_memory_is_read_within_it(tmp_path: Path, make: object, reason: str) -> None:
    content = make()  # type: ignore[operator]
    for name in (RESULT_FILE, SUMMARY_FILE):
        (tmp_path / name).write_text(content, encoding="utf-8")
    write_exit(tmp_path)
    # Through a shell: the peak of a process counts from its fork, when it still has the test's own memory.
    words = [sys.executable, "-c", READ, str(tmp_path), make_request("Trend").to_json()]
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" & wait $!', "sh", *words],
        env={"PYTHONPATH": str(OPERATOR)},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    said, peak = done.stdout.split()
    assert said == reason
    assert int(peak) < LIMIT_MIB

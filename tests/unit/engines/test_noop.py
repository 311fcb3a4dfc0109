import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from pathlib import Path

import pytest

from backfleet.core.backtests import Ending, Failure
from backfleet.core.metrics import METRICS
from backfleet.core.reasons import FailureReason
from backfleet.engines.noop import compute, run
from backfleet.engines.registry import ENGINES
from tests.support.engines import make_request, write_exit
from tests.support.observer import wait_until


def start(folder: Path, parameters: Mapping[str, str], strategy: str = "Noop") -> subprocess.Popen[bytes]:
    """Start a process that is the member itself, as the supervisor forks it."""
    code = (
        "import sys; from pathlib import Path; from backfleet.core.backtests import BacktestRequest;"
        "from backfleet.engines.noop import compute;"
        "sys.exit(compute(BacktestRequest.from_json(sys.argv[1]), Path(sys.argv[2])))"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "operator")}
    words = [sys.executable, "-c", code, make_request(strategy, parameters).to_json(), str(folder)]
    return subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)


def outcome_of(folder: Path, parameters: Mapping[str, str]) -> Ending:
    request = make_request("Noop", parameters)
    write_exit(folder, compute(request, folder))
    return ENGINES["noop"].outcome(folder, request).ending


def test_every_metric_is_a_number_and_sharpe_is_the_value() -> None:
    result = run(make_request("Noop", {"value": "2.5", "trades": "7"}))
    assert set(result.metrics) == set(METRICS)
    assert all(value is not None and isfinite(value) for value in result.metrics.values())
    assert (result.metrics["sharpe_ratio"], result.metrics["total_trades"]) == (2.5, 7)


def test_a_good_run_leaves_what_run_computes(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, {"value": "-1.5"}) == run(make_request("Noop", {"value": "-1.5"}))


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"result": "missing"}, FailureReason.RESULT_MISSING),
        ({"result": "broken"}, FailureReason.RESULT_INVALID),
        ({"result": "huge"}, FailureReason.RESULT_INVALID),
        ({"result": "link"}, FailureReason.RESULT_INVALID),
        ({"result": "nan"}, FailureReason.RESULT_INVALID),
        ({"exit_code": "1"}, FailureReason.ENGINE_ERROR),
        ({"exit_code": "10"}, FailureReason.NO_DATA),
        ({"exit_code": "11"}, FailureReason.INVALID_COMBINATION),
        ({"exit_code": "124"}, FailureReason.BACKTEST_TIMEOUT),
        ({"exit_code": "139"}, FailureReason.ENGINE_CRASH),
        ({"unknown": "1"}, FailureReason.INVALID_COMBINATION),
        ({"exit_code": "256"}, FailureReason.INVALID_COMBINATION),
        ({"signal": "65"}, FailureReason.INVALID_COMBINATION),
    ],
)
def test_it_fails_as_its_parameters_ask(tmp_path: Path, parameters: dict[str, str], reason: FailureReason) -> None:
    ending = outcome_of(tmp_path, parameters)
    assert isinstance(ending, Failure)
    assert ending.reason is reason


def test_the_message_of_an_exit_code_is_its_own(tmp_path: Path) -> None:
    ending = outcome_of(tmp_path, {"exit_code": "7"})
    assert isinstance(ending, Failure)
    assert ending.message == "the parameter exit_code requests exit code 7 (the engine exited with code 7)"


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_it_ends_by_a_signal(tmp_path: Path, number: int) -> None:
    process = start(tmp_path, {"signal": str(int(number))})
    assert process.wait(30) == -number


def await_line(pid: int, field: str, is_met: Callable[[str], bool]) -> None:
    """Wait until a line of /proc/<pid>/status says so, at most 30 s."""
    give_up_at = time.monotonic() + 30
    lines: dict[str, str] = {}
    while time.monotonic() < give_up_at and not is_met(lines.get(field, "")):
        text = Path(f"/proc/{pid}/status").read_text()
        lines = dict(line.split(":", 1) for line in text.splitlines())
    assert is_met(lines.get(field, ""))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[[Mapping[str, str]], subprocess.Popen[bytes]]]:
    """Yield a function that starts noop in the test's folder. Kill whatever still runs at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def run_with(parameters: Mapping[str, str]) -> subprocess.Popen[bytes]:
        started.append(start(tmp_path, parameters))
        return started[-1]

    yield run_with
    for process in started:
        process.kill()
        process.wait(30)


Running = Callable[[Mapping[str, str]], subprocess.Popen[bytes]]


def test_a_hanging_run_ends_by_sigterm_alone(running: Running, tmp_path: Path) -> None:
    process = running({"hang": "forever"})
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.terminate()
    assert process.wait(30) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_stubborn_run_ignores_sigterm(running: Running) -> None:
    process = running({"hang": "stubborn"})
    await_line(process.pid, "SigIgn", lambda mask: bool(int(mask or "0", 16) & 1 << (signal.SIGTERM - 1)))
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.kill()
    assert process.wait(30) == -signal.SIGKILL


def test_it_touches_the_memory_that_it_allocates(running: Running) -> None:
    process = running({"allocate_mib": "100", "hang": "forever"})
    await_line(process.pid, "VmRSS", lambda size: int((size or "0").split()[0]) > 100 * 1024)
    assert process.poll() is None


def test_what_it_writes_stays_until_it_is_ended(running: Running, tmp_path: Path) -> None:
    process = running({"write_mib": "3"})
    ballast = tmp_path / "ballast"
    wait_until("3 MiB are written", lambda: ballast.exists() and ballast.stat().st_size == 3 * 1024 * 1024, 30)
    assert process.poll() is None


def test_sleeping_takes_its_time(running: Running, tmp_path: Path) -> None:
    process = running({"sleep_seconds": "600"})
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    assert list(tmp_path.iterdir()) == []


def test_another_strategy_is_refused(tmp_path: Path) -> None:
    assert start(tmp_path, {}, "RSI_MeanReversion_ETF").wait(30) == 11

"""Warm packs of LEAN: the product's supervisor and driver in the stand-in, under the real shim."""

from dataclasses import replace
from pathlib import Path

import pytest

from backfleet.core.backtests import PROVENANCE_FINGERPRINT, Outcome, Result
from backfleet.core.packs import PackRequest
from backfleet.engines.lean.engine import LeanEngine
from backfleet.engines.reports import read_begun, read_report
from tests.integration.test_lean_packs import without_times
from tests.integration.test_lean_stand_in import ENDS, IN_ITS_PROCESS, REQUEST
from tests.support.lean import container_of, run_pack_container
from tests.support.observer import wait_until
from tests.support.packs import pack_of_all
from tests.unit.engines.test_forking import is_gone

SCENARIOS = (
    "success", "initialize_error", "success", "runtime_error", "leaks", "crash", "leaks", "exit", "zero_trades",
    "leaves_thread", "success", "grows", "order_refused", "quit", "runtime_error_exit_0", "no_data", "truncated_json",
    "no_file", "sees_others", "data_ends_early", "stopped", "bankrupt", "reports_errors", "quit_in_initialize", "success",
)  # fmt: skip
ENDING_PROCESSES = ("crash", "exit", "leaves_thread", "grows")
QUICK = {"LEAN_STAND_IN_WORK_SECONDS": "0.05", "BACKFLEET_WARM_MEMORY_MIB": "150"}
ALL = ENDS | IN_ITS_PROCESS


def pack_of_scenarios(*scenarios: str) -> PackRequest:
    """Return a warm pack in which every member has a scenario and a period of its own."""
    texts = ({"rsi_period": str(10 + n), "scenario": each} for n, each in enumerate(scenarios))
    return replace(pack_of_all(REQUEST, *texts), is_warm=True)


def run(pack: PackRequest, folder: Path, timeout_seconds: int = 60, **more: str) -> list[Outcome]:
    """Run a pack, and return the outcomes of its members."""
    folder.mkdir(exist_ok=True)
    container = container_of(pack, folder)
    container = replace(container, environment={**container.environment, **QUICK, **more})
    results = run_pack_container(container, folder, timeout_seconds)
    assert read_begun(results) == len(pack.members)
    return [LeanEngine().outcome(results / str(position), request) for position, request in enumerate(pack.requests)]


def processes(folder: Path) -> int:
    """Count the processes of LEAN that ran the driver."""
    return (folder / "output").read_text().count("/backfleet_warm_main.py")


def fingerprint(outcome: Outcome) -> str:
    assert isinstance(outcome.ending, Result), outcome.ending
    return outcome.ending.provenance[PROVENANCE_FINGERPRINT]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """Return the outcomes of the same members in a process each."""
    pack = replace(pack_of_scenarios(*SCENARIOS), is_warm=False)
    return run(pack, tmp_path_factory.mktemp("fresh"))


def test_members_of_a_warm_pack_end_as_in_processes_of_their_own(tmp_path: Path, fresh: list[Outcome]) -> None:
    warm = run(pack_of_scenarios(*SCENARIOS), tmp_path)
    assert [each.exit_code for each in warm] == [ALL[scenario][0] for scenario in SCENARIOS]
    for scenario, one, other in zip(SCENARIOS, warm, fresh, strict=True):
        assert without_times(one) == without_times(other), scenario
    assert len({fingerprint(each) for each in warm if isinstance(each.ending, Result)}) == 13
    # A failure that leaves its process whole does not end it, and nobody runs twice.
    assert processes(tmp_path) == 1 + len(ENDING_PROCESSES)
    lines = [line for line in (tmp_path / "output").read_text().splitlines() if line.startswith("== backtest")]
    assert lines == [f"== backtest {n}, attempt 1 ({n + 1} of {len(SCENARIOS)})" for n in range(len(SCENARIOS))]


def test_a_member_that_never_ends_is_ended_alone(tmp_path: Path) -> None:
    outcomes = run(pack_of_scenarios("success", "loop", "hang", "success"), tmp_path, timeout_seconds=6)
    assert [each.exit_code for each in outcomes] == [0, 124, 124, 0]
    failures = [without_times(each)[1:] for each in outcomes[1:3]]
    assert failures == [("BacktestTimeout", "the backtest was stopped at its timeout")] * 2
    assert processes(tmp_path) == 3


def test_only_a_member_that_sees_what_ran_before_it_has_another_fingerprint(tmp_path: Path) -> None:
    scenarios = ("success", "sees_others", "success", "sees_others", "leaks", "leaks")
    texts = ({"rsi_period": "14", "scenario": each} for each in scenarios)
    found = [fingerprint(each) for each in run(replace(pack_of_all(REQUEST, *texts), is_warm=True), tmp_path)]
    assert len(set(found)) == 2
    assert [each == found[0] for each in found] == [True, True, True, False, True, True]
    changed = [
        one.partition("=")[0] for one, other in zip(found[3].split(), found[0].split(), strict=True) if one != other
    ]
    assert changed == ["statistics"]


def test_the_driver_ends_its_process_if_its_supervisor_is_killed(tmp_path: Path) -> None:
    container = container_of(pack_of_scenarios("hang", "success"), tmp_path)
    launcher, pid, begun = tmp_path / "launcher.sh", tmp_path / "pid", tmp_path / "results/0/log.txt"
    # The first process kills its supervisor once its member runs.
    kill = f"(while [ ! -e '{begun}' ]; do sleep 0.1; done; kill -KILL $PPID) &"
    launcher.write_text(f"if [ ! -e '{pid}' ]; then echo $$ > '{pid}'; {kill} fi\nexec \"$@\"\n")
    at = container.command.index("dotnet")
    command = (*container.command[:at], "sh", str(launcher), *container.command[at:])
    results = run_pack_container(replace(container, command=command), tmp_path)
    assert [read_report(results / str(position)).exit_code for position in (0, 1)] == [137, 0]
    wait_until("the first process is gone", lambda: is_gone(pid.read_text().strip()), 30)


@pytest.mark.parametrize("name", ["Composer", "_universeCount"])
def test_a_lean_without_a_name_that_is_needed_fails_every_member_with_it(tmp_path: Path, name: str) -> None:
    outcomes = run(pack_of_scenarios("success", "success"), tmp_path, LEAN_STAND_IN_MISSING_NAME=name)
    assert [each.exit_code for each in outcomes] == [70, 70]
    assert processes(tmp_path) == 1
    for each in outcomes:
        (code, reason, message) = without_times(each)
        assert (code, reason) == (70, "EngineError")
        assert name in message
        assert "Set spec.engine.warm to never" in message


def test_a_project_that_is_not_there_is_named_before_any_process_starts(tmp_path: Path) -> None:
    pack = pack_of_scenarios("success", "success")
    container = container_of(pack, tmp_path)
    (main,) = (tmp_path / "projects").rglob("main.py")
    main.unlink()
    results = run_pack_container(container, tmp_path)
    assert [read_report(results / str(position)).exit_code for position in (0, 1)] == [66, 66]
    assert processes(tmp_path) == 0

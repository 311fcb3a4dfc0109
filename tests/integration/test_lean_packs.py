"""A pack of LEAN: the stand-in in a process for each member, under the real shim, as a pack of one and as one of many."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.backtests import Failure, Outcome, Result
from backfleet.core.packs import PackRequest
from backfleet.engines.lean.engine import LeanEngine
from backfleet.engines.reports import read_begun, read_report
from tests.integration.test_lean_stand_in import ENDS, REQUEST
from tests.support.lean import container_of, run_pack_container
from tests.support.packs import pack_of, pack_of_all

ENDING = [scenario for scenario in ENDS if scenario != "hang"]
TIMES = ("engine_started_at", "engine_finished_at")


def pack_of_scenarios(*scenarios: str) -> PackRequest:
    """Return a pack in which every member has a period of its own, and a scenario."""
    texts = ({"rsi_period": str(10 + n), "scenario": each} for n, each in enumerate(scenarios))
    return pack_of_all(REQUEST, *texts)


def outcomes_of(pack: PackRequest, folder: Path, timeout_seconds: int = 30) -> list[Outcome]:
    folder.mkdir(exist_ok=True)
    results = run_pack_container(container_of(pack, folder), folder, timeout_seconds)
    assert read_begun(results) == len(pack.members)
    return [LeanEngine().outcome(results / str(position), request) for position, request in enumerate(pack.requests)]


def without_times(outcome: Outcome) -> tuple[Any, ...]:
    """Return all of an outcome that does not depend on when or where its run took place."""
    ending = outcome.ending
    if isinstance(ending, Failure):
        return (outcome.exit_code, ending.reason, ending.message.partition("\nlog.txt ends with:")[0])
    return (outcome.exit_code, replace(ending, statistics=dict(ending.statistics)))


def test_every_scenario_in_one_pack_ends_as_in_a_pack_of_its_own(tmp_path: Path) -> None:
    pack = pack_of_scenarios(*ENDING)
    together = outcomes_of(pack, tmp_path / "together")
    assert [each.exit_code for each in together] == [ENDS[scenario][0] for scenario in ENDING]
    reasons = [each.ending.reason.value if isinstance(each.ending, Failure) else None for each in together]
    assert reasons == [ENDS[scenario][1] for scenario in ENDING]
    for position, request in enumerate(pack.requests):
        (alone,) = outcomes_of(pack_of(request), tmp_path / f"alone-{position}")
        assert without_times(together[position]) == without_times(alone), ENDING[position]


def test_a_member_that_hangs_is_ended_alone(tmp_path: Path) -> None:
    outcomes = outcomes_of(pack_of_scenarios("success", "hang", "success"), tmp_path, timeout_seconds=12)
    first, hanging, last = (each.ending for each in outcomes)
    assert isinstance(hanging, Failure)
    assert hanging.reason.value == "BacktestTimeout"
    assert isinstance(first, Result)
    assert isinstance(last, Result)
    assert first.metrics != last.metrics, "their periods differ"


def test_what_a_member_keeps_in_the_object_store_is_gone_for_the_next(tmp_path: Path) -> None:
    pack = pack_of_scenarios("success", "success")
    container = container_of(pack, tmp_path)
    store = tmp_path / "tmp/lean-storage"
    keep = f'ls -A "{store}" >> "{tmp_path}/seen"; mkdir -p "{store}" && touch "{store}/kept"; exec "$@"'
    run_pack_container(replace(container, command=("/bin/sh", "-c", keep, "keep", *container.command)), tmp_path)
    assert [read_report(tmp_path / f"results/{position}").exit_code for position in (0, 1)] == [0, 0]
    assert (tmp_path / "seen").read_text() == ""


@pytest.mark.parametrize("seconds", [1])
def test_the_time_of_a_pack_ends_it_after_the_member_that_runs(tmp_path: Path, seconds: int) -> None:
    pack = pack_of_scenarios(*["success"] * 20)
    results = run_pack_container(container_of(pack, tmp_path), tmp_path, pack_seconds=seconds)
    begun = read_begun(results)
    assert begun is not None
    assert 1 <= begun < 20
    codes = [read_report(results / str(position)).exit_code for position in range(20)]
    assert codes == [0] * begun + [None] * (20 - begun)

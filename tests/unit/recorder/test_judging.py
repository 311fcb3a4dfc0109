"""Which outcome each member of a pack has, by its own folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from backfleet.core.backtests import BacktestRequest, Failure, Outcome, Result, result_to_json
from backfleet.core.reasons import FailureReason
from backfleet.engines.noop import NoopEngine, run
from backfleet.engines.reports import PACK_REPORT
from backfleet.recorder.main import Terminated
from backfleet.recorder.recording import judge, read_outcome, with_image
from tests.support.engines import make_request, write_exit, write_result
from tests.support.packs import pack_of_all
from tests.unit.recorder.test_orders import ORDERS
from tests.unit.recorder.test_recording import BAD, GOOD

REQUEST = make_request("Noop")


def test_members_are_judged_in_order_from_their_own_folders_and_those_after_the_last_did_not_begin(
    tmp_path: Path,
) -> None:
    pack = pack_of_all(REQUEST, *({"value": str(value)} for value in range(4)))
    for position, request in enumerate(list(pack.requests)[:2]):
        (tmp_path / str(position)).mkdir()
        write_exit(tmp_path / str(position), 0 if position == 0 else 10)
        write_result(tmp_path / str(position), result_to_json(run(request)))
    (tmp_path / "backfleet-pack").write_text(PACK_REPORT % 2)
    found = list(judge(replace(ORDERS, engine="noop", pack=pack, folder=tmp_path), NoopEngine()))
    assert [attempt for attempt, _ in found] == ["uid-0.1", "uid-1.1", "uid-2.1", "uid-3.1"]
    assert found[0][1].ending == run(next(pack.requests))
    reasons = [each.ending.reason if isinstance(each.ending, Failure) else None for _, each in found]
    assert reasons == [None, FailureReason.NO_DATA, FailureReason.NOT_BEGUN, FailureReason.NOT_BEGUN]
    assert found[3][1] == Outcome(
        ending=Failure(
            reason=FailureReason.NOT_BEGUN,
            message="the time of its Job (backtests.packSeconds) was over after 2 of 4 backtests",
        )
    )


def test_without_the_packs_report_every_member_is_judged(tmp_path: Path) -> None:
    pack = pack_of_all(REQUEST, {"value": "1"}, {"value": "2"})
    found = judge(replace(ORDERS, engine="noop", pack=pack, folder=tmp_path), NoopEngine())
    endings = [each.ending for _, each in found]
    assert [each.reason for each in endings if isinstance(each, Failure)] == [FailureReason.RESULT_MISSING] * 2


def test_a_folder_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    write_exit(tmp_path / "elsewhere")
    write_result(tmp_path / "elsewhere", result_to_json(run(REQUEST)))
    (tmp_path / "0").symlink_to(tmp_path / "elsewhere")
    message = "0: expected a results folder, got a symbolic link"
    assert read_outcome(NoopEngine(), "noop", tmp_path / "0", REQUEST) == Outcome(
        ending=Failure(reason=FailureReason.RESULT_INVALID, message=message)
    )


class BrokenEngine(NoopEngine):
    """An engine that has a defect."""

    def outcome(self, folder: Path, request: BacktestRequest) -> Outcome:
        raise KeyError("oops\x00")


def test_an_engine_that_fails_is_an_outcome_with_its_exception() -> None:
    outcome = read_outcome(BrokenEngine(), "broken", Path("/none"), REQUEST)
    message = "the engine's files could not be judged: KeyError: 'oops\\x00'"
    assert outcome == Outcome(ending=Failure(reason=FailureReason.RECORDER_ERROR, message=message))


class InterruptedEngine(NoopEngine):
    """An engine during whose reading the pod is deleted."""

    def outcome(self, folder: Path, request: BacktestRequest) -> Outcome:
        raise Terminated


def test_a_signal_during_the_reading_is_no_outcome() -> None:
    with pytest.raises(Terminated):
        read_outcome(InterruptedEngine(), "noop", Path("/none"), REQUEST)


def test_an_unknown_engine_is_an_outcome() -> None:
    outcome = read_outcome(None, "lean9", Path("/none"), REQUEST)
    message = "engine 'lean9' is unknown to this recorder. Run operator and recorder in the same version."
    assert outcome == Outcome(ending=Failure(reason=FailureReason.RECORDER_ERROR, message=message))


def test_a_result_keeps_the_image_of_its_engine_whatever_the_engine_says() -> None:
    assert isinstance(GOOD.ending, Result)
    lying = replace(GOOD, ending=replace(GOOD.ending, provenance={"engine": "noop", "engineImage": "mine"}))
    kept = with_image(lying, "registry.example/noop:1").ending
    assert isinstance(kept, Result)
    assert kept.provenance == {"engine": "noop", "engineImage": "registry.example/noop:1"}
    assert with_image(GOOD, None) == GOOD
    assert with_image(BAD, "registry.example/noop:1") == BAD

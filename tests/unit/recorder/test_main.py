import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from backfleet.core.backtests import result_to_json
from backfleet.engines.noop import run as run_noop
from backfleet.engines.outcomes import outcome_of_program
from backfleet.engines.reports import PACK_REPORT
from backfleet.recorder.appending import Answer, OutcomeRow, Reply, append_rows, row
from backfleet.recorder.main import Terminated, run
from tests.support.engines import make_request, write_exit, write_result
from tests.support.packs import pack_of, pack_of_all
from tests.unit.recorder.test_orders import ENVIRONMENT
from tests.unit.recorder.test_recording import AWAY, FakeClock, FakeDatabase

REQUEST = make_request("Noop")


PACK = pack_of(REQUEST, "uid", 3, 1)
NONE = {"recorded": 0, "succeeded": 0, "failed": 0, "notBegun": 0, "notTaken": 0, "message": ""}


def environment_of(folder: Path, **more: str) -> Mapping[str, str]:
    return ENVIRONMENT | {
        "BACKFLEET_ENGINE": "noop",
        "BACKFLEET_PACK": PACK.to_json(),
        "BACKFLEET_RESULTS_PATH": str(folder),
        "BACKFLEET_TERMINATION_LOG": str(folder / "last-word"),
        **more,
    }


def ended(folder: Path, database: FakeDatabase, **more: str) -> tuple[int, dict[str, object]]:
    code = run(environment_of(folder, **more), database.append, FakeClock().as_clock())
    text = (folder / "last-word").read_bytes()
    assert len(text) <= 4096
    return code, json.loads(text)


def leave(folder: Path, code: int = 0, error: str | None = None, position: int = 0) -> None:
    """Leave what the engine and the shim write of a member: a result, or else an error."""
    own = folder / str(position)
    own.mkdir()
    write_exit(own, code)
    if code == 0:
        write_result(own, result_to_json(run_noop(REQUEST)))
    if error is not None:
        (own / "error.json").write_text(json.dumps({"message": error}))


def test_a_recorded_success_ends_with_0(tmp_path: Path) -> None:
    leave(tmp_path)
    database = FakeDatabase(Reply(Answer.APPENDED))
    assert ended(tmp_path, database) == (0, {**NONE, "recorded": 1, "succeeded": 1})
    assert database.offers[0][1] == [row("uid-3.1", outcome_of_program(tmp_path / "0"))]


def test_a_recorded_failure_ends_with_3_and_says_why(tmp_path: Path) -> None:
    leave(tmp_path, 10, "no data for XYZ")
    failure = {"attempt": "uid-3.1", "reason": "NoData", "message": "no data for XYZ (the engine exited with code 10)"}
    expected = {**NONE, "recorded": 1, "failed": 1, **failure}
    assert ended(tmp_path, FakeDatabase(Reply(Answer.DUPLICATE))) == (3, expected)


@pytest.mark.parametrize(
    ("codes", "code"), [((0, 10, 10), 0), ((10, 0), 0), ((10, 10), 3)], ids=["the first", "the second", "none"]
)
def test_a_pack_ends_with_0_if_one_member_succeeded(tmp_path: Path, codes: tuple[int, ...], code: int) -> None:
    for position, each in enumerate(codes):
        leave(tmp_path, each, position=position)
    (tmp_path / "backfleet-pack").write_text(PACK_REPORT % len(codes))
    pack = pack_of_all(REQUEST, *({"value": str(value)} for value in range(len(codes) + 2)))
    got, word = ended(tmp_path, FakeDatabase(Reply(Answer.APPENDED)), BACKFLEET_PACK=pack.to_json())
    assert got == code
    counts = {name: word[name] for name in ("recorded", "succeeded", "failed", "notBegun", "notTaken")}
    assert counts == {
        "recorded": len(codes) + 2, "succeeded": codes.count(0), "failed": codes.count(10), "notBegun": 2, "notTaken": 0,
    }  # fmt: skip


def test_an_outcome_that_could_not_be_recorded_ends_with_4(tmp_path: Path) -> None:
    leave(tmp_path, 10)
    expected = {**NONE, "message": "connection refused"}
    assert ended(tmp_path, FakeDatabase(AWAY), BACKFLEET_RECORDER_PATIENCE_SECONDS="3") == (4, expected)


@pytest.mark.parametrize("answer", [Answer.REFUSED, Answer.UNKNOWN_ATTEMPT])
def test_an_outcome_that_the_database_does_not_take_ends_with_5(tmp_path: Path, answer: Answer) -> None:
    leave(tmp_path, 10)
    expected = {**NONE, "notTaken": 1, "message": "not this one"}
    assert ended(tmp_path, FakeDatabase(Reply(answer, "not this one"))) == (5, expected)


def test_an_unknown_engine_is_recorded_as_a_recorder_error(tmp_path: Path) -> None:
    code, word = ended(tmp_path, FakeDatabase(Reply(Answer.APPENDED)), BACKFLEET_ENGINE="lean9")
    assert (code, word["reason"]) == (3, "RecorderError")


def test_a_bad_environment_ends_with_2_and_names_the_variable(tmp_path: Path) -> None:
    database = FakeDatabase(Reply(Answer.APPENDED))
    code, word = ended(tmp_path, database, BACKFLEET_PACK="")
    assert (code, word) == (2, {"recorded": 0, "message": "BACKFLEET_PACK is not set"})
    assert database.offers == []


def test_a_signal_between_tries_ends_with_4(tmp_path: Path) -> None:
    def terminated(url: str, rows: Sequence[OutcomeRow]) -> Reply:
        raise Terminated

    assert run(environment_of(tmp_path), terminated, FakeClock().as_clock()) == 4
    word = json.loads((tmp_path / "last-word").read_text())
    assert word == {**NONE, "message": "the recorder was terminated before it had recorded every outcome"}


def test_the_last_word_stays_below_4_kib_whatever_the_message(tmp_path: Path) -> None:
    leave(tmp_path, 10, "\U0001f642" * 5000)
    assert ended(tmp_path, FakeDatabase(Reply(Answer.APPENDED)))[0] == 3


def test_a_last_word_that_cannot_be_left_is_logged_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path, 10)
    environment = environment_of(tmp_path, BACKFLEET_TERMINATION_LOG=str(tmp_path / "no/folder"))
    assert run(environment, FakeDatabase(Reply(Answer.APPENDED)).append, FakeClock().as_clock()) == 3
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events == ["outcome read", "recorded", "no termination message"]


def test_log_lines_are_json_with_the_pack_and_without_the_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(tmp_path, 10)
    url = "postgresql://recorder:hunter2@127.0.0.1:1/backfleet"
    more = {"BACKFLEET_RECORDER_DATABASE_URL": url, "BACKFLEET_RECORDER_PATIENCE_SECONDS": "0"}
    assert run(environment_of(tmp_path, **more), append_rows, FakeClock().as_clock()) == 4
    written = capsys.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert [(line["event"], line["pack"]) for line in lines] == [
        ("outcome read", "uid-3.1"),
        ("database away", "uid-3.1"),
    ]
    assert "hunter2" not in written + (tmp_path / "last-word").read_text()


def test_the_recorder_of_another_engine_starts_without_what_reads_lean() -> None:
    code = "import sys, backfleet.recorder.main; print('backfleet.engines.lean.outcome' in sys.modules)"
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[3] / "operator")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from backfleet.core.backtests import Outcome, result_to_json
from backfleet.engines.noop import run as run_noop
from backfleet.recorder.appending import Answer, Reply, append_outcome
from backfleet.recorder.main import Terminated, run
from tests.support.engines import make_request, write_exit, write_result
from tests.unit.recorder.test_orders import ENVIRONMENT
from tests.unit.recorder.test_recording import AWAY, FakeClock, FakeDatabase

REQUEST = make_request("Noop")


def environment_of(folder: Path, **more: str) -> Mapping[str, str]:
    return ENVIRONMENT | {
        "BACKFLEET_ENGINE": "noop",
        "BACKFLEET_REQUEST": REQUEST.to_json(),
        "BACKFLEET_RESULTS_PATH": str(folder),
        "BACKFLEET_TERMINATION_LOG": str(folder / "last-word"),
        **more,
    }


def ended(folder: Path, database: FakeDatabase, **more: str) -> tuple[int, dict[str, object]]:
    code = run(environment_of(folder, **more), database.append, FakeClock().as_clock())
    text = (folder / "last-word").read_bytes()
    assert len(text) <= 4096
    return code, json.loads(text)


def test_a_recorded_success_ends_with_0(tmp_path: Path) -> None:
    write_exit(tmp_path)
    write_result(tmp_path, result_to_json(run_noop(REQUEST)))
    database = FakeDatabase(Reply(Answer.APPENDED))
    assert ended(tmp_path, database) == (0, {"recorded": True, "kind": "succeeded", "message": ""})
    assert database.offers[0][2].ending == run_noop(REQUEST)


def test_a_recorded_failure_ends_with_3_and_says_why(tmp_path: Path) -> None:
    write_exit(tmp_path, 10)
    (tmp_path / "error.json").write_text('{"message": "no data for XYZ"}')
    expected = {
        "recorded": True,
        "kind": "failed",
        "reason": "NoData",
        "message": "no data for XYZ (the engine exited with code 10)",
    }
    assert ended(tmp_path, FakeDatabase(Reply(Answer.DUPLICATE))) == (3, expected)


def test_an_outcome_that_could_not_be_recorded_ends_with_4(tmp_path: Path) -> None:
    write_exit(tmp_path, 10)
    expected = {"recorded": False, "kind": "failed", "reason": "NoData", "message": "connection refused"}
    assert ended(tmp_path, FakeDatabase(AWAY), BACKFLEET_RECORDER_PATIENCE_SECONDS="3") == (4, expected)


@pytest.mark.parametrize("answer", [Answer.REFUSED, Answer.UNKNOWN_ATTEMPT])
def test_an_outcome_that_the_database_does_not_take_ends_with_5(tmp_path: Path, answer: Answer) -> None:
    write_exit(tmp_path, 10)
    code, word = ended(tmp_path, FakeDatabase(Reply(answer, "not this one")))
    assert (code, word["recorded"], word["message"]) == (5, False, "not this one")


def test_an_unknown_engine_is_recorded_as_a_recorder_error(tmp_path: Path) -> None:
    code, word = ended(tmp_path, FakeDatabase(Reply(Answer.APPENDED)), BACKFLEET_ENGINE="lean9")
    assert (code, word["reason"]) == (3, "RecorderError")


def test_a_bad_environment_ends_with_2_and_names_the_variable(tmp_path: Path) -> None:
    database = FakeDatabase(Reply(Answer.APPENDED))
    code, word = ended(tmp_path, database, BACKFLEET_ATTEMPT_ID="")
    assert (code, word) == (2, {"recorded": False, "message": "BACKFLEET_ATTEMPT_ID is not set"})
    assert database.offers == []


def test_a_signal_between_tries_ends_with_4(tmp_path: Path) -> None:
    def terminated(url: str, attempt_id: str, outcome: Outcome) -> Reply:
        raise Terminated

    assert run(environment_of(tmp_path), terminated, FakeClock().as_clock()) == 4
    word = json.loads((tmp_path / "last-word").read_text())
    assert word == {"recorded": False, "message": "the recorder was terminated before it recorded the outcome"}


def test_the_last_word_stays_below_4_kib_whatever_the_message(tmp_path: Path) -> None:
    write_exit(tmp_path, 10)
    (tmp_path / "error.json").write_text(json.dumps({"message": "\U0001f642" * 5000}))
    assert ended(tmp_path, FakeDatabase(Reply(Answer.APPENDED)))[0] == 3


def test_a_last_word_that_cannot_be_left_is_logged_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_exit(tmp_path, 10)
    environment = environment_of(tmp_path, BACKFLEET_TERMINATION_LOG=str(tmp_path / "no/folder"))
    assert run(environment, FakeDatabase(Reply(Answer.APPENDED)).append, FakeClock().as_clock()) == 3
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events == ["outcome read", "recorded", "no termination message"]


def test_log_lines_are_json_with_the_attempt_and_without_the_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_exit(tmp_path, 10)
    url = "postgresql://recorder:hunter2@127.0.0.1:1/backfleet"
    more = {"BACKFLEET_RECORDER_DATABASE_URL": url, "BACKFLEET_RECORDER_PATIENCE_SECONDS": "0"}
    assert run(environment_of(tmp_path, **more), append_outcome, FakeClock().as_clock()) == 4
    written = capsys.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert [(line["event"], line["attempt"]) for line in lines] == [
        ("outcome read", "uid-3.1"),
        ("database away", "uid-3.1"),
    ]
    assert "hunter2" not in written + (tmp_path / "last-word").read_text()


def test_content_that_is_no_json_is_refused_before_any_connection() -> None:
    ending = run_noop(REQUEST)
    broken = Outcome(ending=type(ending)(metrics={"sharpe_ratio": float("nan")}))
    assert append_outcome("postgresql://nobody@127.0.0.1:1/x", "uid-3.1", broken).answer is Answer.REFUSED


def test_the_recorder_of_another_engine_starts_without_what_reads_lean() -> None:
    code = "import sys, backfleet.recorder.main; print('backfleet.engines.lean.outcome' in sys.modules)"
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[3] / "operator")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"

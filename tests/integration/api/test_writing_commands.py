"""`run` and `cancel` against the real app over real HTTP, Postgres and a Kubernetes included."""

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backfleet_client.main import run
from tests.integration.api.conftest import serving
from tests.integration.api.kubernetes import NAMESPACE, SPEC, TOKEN, Written
from tests.integration.api.test_command_line import await_text
from tests.support.history import History
from tests.world.faults import Fault

PATH = "optimizationbatches"
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def command(writing: Written, monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    """Yield the API of this test, and its token, as the environment names them."""
    with serving(writing.app) as url:
        monkeypatch.setenv("BACKFLEET_API_URL", url)
        monkeypatch.setenv("BACKFLEET_API_TOKEN", TOKEN)
        yield writing


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    body = {"apiVersion": "backfleet.io/v1alpha1", "kind": "OptimizationBatch", "metadata": {"name": "mine"}}
    (tmp_path / "batch.yaml").write_text(yaml.safe_dump(body | {"spec": SPEC}))
    return str(tmp_path / "batch.yaml")


@pytest.fixture
def bare(tmp_path: Path) -> str:
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    return str(tmp_path / "spec.json")


def names(command: Written) -> list[str]:
    return [item["metadata"]["name"] for item in command.stored()]


def test_a_manifest_is_run_under_its_name_and_again_is_the_same(
    command: Written, manifest: str, capsys: Captured
) -> None:
    assert run(["run", manifest]) == 0
    (stored,) = command.stored()
    uid = stored["metadata"]["uid"]
    assert stored["spec"] == SPEC
    assert capsys.readouterr().out == f"{NAMESPACE}/mine created: 6 backtests, 4 at once, batch {uid}\n"
    assert run(["run", manifest]) == 0
    assert "mine already exists from the same request" in capsys.readouterr().out
    assert names(command) == ["mine"]


def test_a_namespace_that_is_not_watched_is_told_with_those_that_are(
    command: Written, manifest: str, bare: str, capsys: Captured
) -> None:
    assert run(["run", bare, "--namespace", "elsewhere"]) == 2
    assert f"namespace: this installation does not watch the namespace elsewhere. Use {NAMESPACE}" in (
        capsys.readouterr().err
    )
    body = yaml.safe_load(Path(manifest).read_text())
    Path(manifest).write_text(yaml.safe_dump(body | {"metadata": {"name": "mine", "namespace": "elsewhere"}}))
    assert run(["run", manifest]) == 2
    assert run(["run", manifest, "-n", NAMESPACE]) == 0
    assert names(command) == ["mine"]


def test_a_bare_spec_takes_name_and_limit_from_the_options(command: Written, bare: str, capsys: Captured) -> None:
    assert run(["run", bare, "--name", "other", "--max-concurrent", "9", "-o", "json"]) == 0
    made = json.loads(capsys.readouterr().out)
    (stored,) = command.stored()
    assert (made["name"], made["batch_id"]) == ("other", stored["metadata"]["uid"])
    assert stored["spec"] == SPEC | {"maxConcurrent": 9}


def test_standard_input_is_a_file(command: Written, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(SPEC).encode())))
    assert run(["run", "-"]) == 0
    assert names(command)[0].startswith("rsi-meanreversion-etf-")


def test_the_name_of_the_option_wins(command: Written, manifest: str) -> None:
    assert run(["run", manifest, "--name", "other"]) == 0
    assert names(command) == ["other"]


def test_a_dry_run_shows_what_would_be_and_creates_nothing(command: Written, manifest: str, capsys: Captured) -> None:
    assert run(["run", manifest, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    fields = dict(line.split("  ", 1) for line in lines[:-1])
    assert fields["backtests"].strip() == "6"
    assert fields["first"].strip() == "index 0: rsi_period=14 entry_threshold=0.005"
    assert fields["last"].strip() == "index 5: rsi_period=16 entry_threshold=25"
    assert lines[-1] == "nothing was created"
    assert run(["run", manifest, "--dry-run", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["estimate"] is None
    assert names(command) == []


def test_warnings_go_to_standard_error(command: Written, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "odd.json").write_text(json.dumps(SPEC | {"strategy": {"name": "Odd"}}))
    assert run(["run", str(tmp_path / "odd.json"), "-o", "json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["is_new"] is True
    assert captured.err.startswith("warning: the catalog has no strategy 'Odd'")
    assert run(["run", str(tmp_path / "odd.json"), "--dry-run"]) == 0
    assert "warning: the catalog" in capsys.readouterr().out


def test_a_batch_that_is_watched_ends_with_its_code(
    command: Written, history: History, manifest: str, capsys: Captured
) -> None:
    codes: list[int] = []
    watching = threading.Thread(target=lambda: codes.append(run(["run", manifest, "--watch"])))
    watching.start()
    await_text(capsys, "pending", "out")
    (stored,) = command.stored()
    # The operator takes it in, under the uid that Kubernetes gave.
    batch = history.accept("mine", uid=stored["metadata"]["uid"])
    said = history.finish(batch, "NoneSucceeded").finish_message
    watching.join(60)
    assert codes == [1]
    assert f"mine: failed (NoneSucceeded): {said}" in capsys.readouterr().out


def test_a_batch_is_cancelled_and_one_that_has_ended_is_no_error(
    command: Written, history: History, manifest: str, capsys: Captured
) -> None:
    run(["run", manifest])
    capsys.readouterr()
    assert run(["cancel", "mine"]) == 0
    assert "was pending: the operator deletes running backtests" in capsys.readouterr().out
    (stored,) = command.stored()
    assert stored["spec"]["cancel"] is True
    uid = stored["metadata"]["uid"]
    history.finish(history.accept("mine", uid=uid), "Cancelled")
    assert run(["cancel", uid, "-o", "json", "--namespace", NAMESPACE]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "cancelled"


def refused(capsys: Captured, code: int, *arguments: str) -> str:
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_without_the_token_it_is_code_6(
    command: Written, manifest: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for value in ("", "another-token-altogether"):
        monkeypatch.setenv("BACKFLEET_API_TOKEN", value)
        for arguments in (["run", manifest], ["cancel", "mine"]):
            assert "token" in refused(capsys, 6, *arguments)
    assert names(command) == []
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert run(["run", manifest, "--token-file", str(tmp_path / "token")]) == 0
    assert names(command) == ["mine"]


@pytest.mark.parametrize("content", [b"two words", b"\xff\xfe", b"line\nbreak"])
def test_a_file_without_a_token_is_code_2_and_not_repeated(
    command: Written, manifest: str, capsys: Captured, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "token").write_bytes(content)
    said = refused(capsys, 2, "run", manifest, "--token-file", str(tmp_path / "token"))
    assert "--token-file: expected a token and nothing else" in said
    assert "words" not in said


def test_there_is_no_option_that_takes_the_token_itself(manifest: str, capsys: Captured) -> None:
    assert "No such option" in refused(capsys, 2, "run", manifest, "--token", TOKEN)


def test_a_name_that_is_taken_is_code_6(command: Written, manifest: str, capsys: Captured) -> None:
    command.kubernetes.objects.create(PATH, NAMESPACE, {"metadata": {"name": "mine"}, "spec": {}})
    assert "the name mine is taken" in refused(capsys, 6, "run", manifest)


def test_a_field_at_fault_is_named_as_the_file_has_it(command: Written, capsys: Captured, tmp_path: Path) -> None:
    broken: dict[str, Any] = SPEC | {"data": SPEC["data"] | {"endDate": "1999-01-01"}}
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    assert "backfleet: spec.data.endDate: 1999-01-01 is before" in refused(
        capsys, 2, "run", str(tmp_path / "broken.json")
    )
    assert "name" in refused(capsys, 2, "run", str(tmp_path / "broken.json"), "--name", "Upper")
    assert names(command) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "/nowhere.yaml"], "nowhere.yaml"),
        (["run", "{}", "--dry-run", "--watch"], "--watch"),
        (["run", "{}", "--max-concurrent", "0"], "--max-concurrent"),
        (["run", "{}", "--token-file", "/nowhere"], "--token-file"),
        (["cancel"], "Missing argument"),
    ],
)
def test_what_is_wrong_with_the_command_is_code_2(
    command: Written, manifest: str, arguments: list[str], said: str, capsys: Captured
) -> None:
    assert said in refused(capsys, 2, *(manifest if each == "{}" else each for each in arguments))
    assert names(command) == []


def test_what_is_not_there_is_code_3(command: Written, capsys: Captured) -> None:
    assert "no batch has the uid" in refused(capsys, 3, "cancel", "none")


def test_a_kubernetes_that_is_away_is_code_4_and_says_what_is_safe(
    command: Written, manifest: str, bare: str, capsys: Captured
) -> None:
    command.kubernetes.faults.append(Fault(PATH, "POST", "close", times=20))
    assert "run the command again, since the same name creates no second batch" in refused(capsys, 4, "run", manifest)
    assert "check with `backfleet batches`" in refused(capsys, 4, "run", bare)

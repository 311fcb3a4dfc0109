"""`make verify-lean` against the stand-in: its cases, its container, and the report of a rule that does not hold."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.reasons import FailureReason
from backfleet.engines.bars.market_data import PACKAGED_FOLDER
from backfleet.engines.lean.configuration import CONFIG_PATH
from backfleet.engines.lean.engine import IMAGE_DATA_FOLDER, LAUNCHER, LAUNCHER_FOLDER
from backfleet.engines.lean.warm.delivery import supervised
from backfleet.engines.protocol import EngineContainer
from hack.verify_lean.cases import SAMPLE_FILE, Case, cases
from hack.verify_lean.commands import check_case, main
from hack.verify_lean.manifests import PROJECTS, build_config_map, build_pod, build_pod_spec, settings_of
from hack.verify_lean.runners import docker_command
from hack.verify_lean.warm import Fingerprints, warm_case
from tests.support.lean import config_of, run_container, run_pack_container

ROOT = Path(__file__).resolve().parents[2]
CASES = {case.name: case for case in cases(hang_seconds=2)}
WARM = warm_case(tuple(CASES.values()), timeout_seconds=8)
SETTINGS = settings_of("lean-stand-in:1", is_restricted=False)


def engine_of(case: Case) -> dict[str, Any]:
    (engine,) = build_pod_spec(case, SETTINGS)["initContainers"]
    assert isinstance(engine, dict)
    return engine


def run_here(case: Case, folder: Path) -> Path:
    """Run the case's own container with the folders of the pod in the test's, and return its results."""
    return run_container(container_here(case, folder), folder, case.timeout_seconds)


def container_here(case: Case, folder: Path) -> EngineContainer:
    (folder / "launcher").mkdir(parents=True)
    (folder / "launcher" / SAMPLE_FILE).touch()
    env = {entry["name"]: entry["value"].replace("$$", "$") for entry in engine_of(case)["env"]}
    for there, here in (
        (LAUNCHER_FOLDER, folder / "launcher"),
        (IMAGE_DATA_FOLDER, PACKAGED_FOLDER),
        ("/projects/", f"{PROJECTS}/"),
    ):
        env = {key: text.replace(there, str(here)) for key, text in env.items()}
    is_warm = bool(case.members)
    command = supervised(LAUNCHER) if is_warm else (*LAUNCHER, "--config", CONFIG_PATH)
    return EngineContainer(
        image="", command=command, environment=env, working_folder=LAUNCHER_FOLDER, config=config_of(env),
        runs_packs=is_warm,
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"out-of-memory"}))
def test_every_rule_holds_for_the_stand_in(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_case(CASES[name], run_here(CASES[name], tmp_path), is_killed=False), capsys.readouterr().out


def test_the_rules_hold_in_a_warm_pack_with_the_fingerprints_of_fresh_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = Fingerprints()
    fresh = run_here(CASES["success"], tmp_path / "fresh")
    assert check_case(CASES["success"], fresh, False, known)
    container = container_here(WARM, tmp_path / "warm")
    results = run_pack_container(container, tmp_path / "warm", WARM.timeout_seconds)
    held = [check_case(case, results / str(n), False, known, "warm ") for n, case in enumerate(WARM.members)]
    assert held == [True] * len(WARM.members), capsys.readouterr().out
    assert capsys.readouterr().out.count("ok   warm success") == 3
    changed = replace(CASES["zero-trades"], name="success")
    assert not check_case(changed, results / "2", False, known, "warm ")
    assert "expected the fingerprint of the first run, orders=" in capsys.readouterr().out


def test_a_warm_pack_is_one_pod_with_the_supervisor_and_all_its_members() -> None:
    env = {entry["name"]: entry["value"] for entry in engine_of(WARM)["env"]}
    assert env["BACKFLEET_PACK_MEMBERS"] == f"0:{len(WARM.members)}:1"
    assert "BACKFLEET_WARM_PROGRAM" in env
    assert (env["BACKFLEET_BACKTEST_TIMEOUT_SECONDS"], env["BACKFLEET_PACK_SECONDS"]) == ("8", "3600")


@pytest.mark.parametrize("shutdown", ["abort", "wait"])
@pytest.mark.parametrize("name", ["success", "runtime-error", "quit", "no-data"])
def test_the_rules_hold_whatever_becomes_of_the_process_after_its_results(
    name: str, shutdown: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    request = replace(case.request, parameter_texts={**case.request.parameter_texts, "shutdown": shutdown})
    case = replace(case, request=request)
    assert check_case(case, run_here(case, tmp_path), is_killed=False), capsys.readouterr().out


TODAY = Path(os.environ.get("BACKFLEET_LEAN_RESULTS") or ROOT / "../shared/lean-results") / "today"


@pytest.mark.skipif(not TODAY.is_dir(), reason=f"needs results of LEAN in {TODAY}")
def test_finished_folders_of_lean_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--folder", str(TODAY)]) == 0
    said = capsys.readouterr().out
    assert "LEAN 2.5.0.0" in said
    assert "16 of 16 folders hold" in said
    assert "Unable to find py file: /projects/nomain/main.py" in said


@pytest.mark.skipif(not TODAY.is_dir(), reason=f"needs results of LEAN in {TODAY}")
def test_two_runs_of_one_backtest_must_have_one_fingerprint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("fresh", "warm"):
        shutil.copytree(TODAY / "python-success", tmp_path / name)
    assert main(["--folder", str(tmp_path)]) == 0
    events = tmp_path / "warm/backtest-order-events.json"
    events.write_text(events.read_text().replace('"fillQuantity":10.0', '"fillQuantity":11.0'))
    assert main(["--folder", str(tmp_path)]) == 1
    assert "1 of 2 folders hold" in capsys.readouterr().out


def test_a_folder_without_results_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--folder", str(tmp_path)]) == 2
    assert "expected results folders with a file backfleet-exit, found none" in capsys.readouterr().err


def test_running_out_of_memory_may_take_the_whole_container(tmp_path: Path) -> None:
    assert check_case(CASES["out-of-memory"], tmp_path, is_killed=True)


WRONG = [
    pytest.param("success", {"reason": FailureReason.NO_DATA}, "expected NoData, got a success", id="another reason"),
    pytest.param("success", {"exit_codes": (1,)}, "expected exit code 1, got 0", id="another exit code"),
    pytest.param("success", {"orders": 1}, "expected 1 orders, got", id="another number of orders"),
    pytest.param("success", {"warnings": ("no such",)}, "expected a warning 'no such'", id="no warning"),
    pytest.param(
        "sample", {"warnings": ()}, "expected no warning, got: start date", id="a warning that is not asked for"
    ),
    pytest.param("no-data", {"reason": None}, "expected a success, got NoData", id="a failure that should be none"),
    pytest.param(
        "no-data", {"reason": FailureReason.ENGINE_CRASH}, "expected EngineCrash, got NoData", id="a wrong reason"
    ),
    pytest.param("no-data", {"message": "no such"}, "expected 'no such' in the message", id="another message"),
]


@pytest.mark.parametrize(("name", "changes", "words"), WRONG)
def test_a_rule_that_does_not_hold_is_reported(
    name: str, changes: dict, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = replace(CASES[name], **changes)
    assert not check_case(case, run_here(CASES[name], tmp_path), is_killed=False)
    assert words in capsys.readouterr().out


def test_docker_gets_what_the_pod_gets(tmp_path: Path) -> None:
    engine = engine_of(CASES["success"])
    words = docker_command(engine, tmp_path)
    image = words.index("lean-stand-in:1")
    assert words[image - 2 : image] == ["--entrypoint", "/bin/sh"]
    assert words[image + 1 :] == engine["command"][1:]
    given = {words[place + 1].partition("=")[0] for place, word in enumerate(words) if word == "--env"}
    assert given == {entry["name"] for entry in engine["env"]}
    text = " ".join(words)
    for flag in ("--network none", "--cap-drop ALL", "--memory 2G", "--memory-swap 2G", "--user 0:0", "/projects:ro"):
        assert flag in text
    assert "--read-only" not in text
    (restricted,) = build_pod_spec(CASES["success"], settings_of(None, is_restricted=True))["initContainers"]
    text = " ".join(docker_command(restricted, tmp_path))
    assert "--read-only" in text
    assert "--user 10001:10001" in text
    assert " quantconnect/lean:" in text


def test_the_pod_is_none_of_the_operators() -> None:
    pod = build_pod(CASES["success"], SETTINGS)
    assert pod["metadata"]["labels"] == {"app.kubernetes.io/name": "verify-lean"}
    assert pod["spec"]["initContainers"] == [engine_of(CASES["success"])]
    assert "secret" not in json.dumps(pod).lower()
    assert list(build_config_map()["data"]) == ["main.py"]


def test_without_docker_and_cluster_it_says_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "hack/verify_lean"], cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "start a Docker engine" in done.stderr

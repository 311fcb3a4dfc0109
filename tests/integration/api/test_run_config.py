"""POST of a config, as text or by its path: the same batch as by `batch`, with warnings, and errors that name the line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from backfleet_client.main import run
from tests.integration.api.conftest import serving
from tests.integration.api.kubernetes import BEARER, RUN, TOKEN, Written, writing_app
from tests.integration.api.test_edges import assert_problem
from tests.support.configs import FOLDER, read
from tests.support.databases import Database
from tests.world.api_server import ApiServer

Captured = pytest.CaptureFixture[str]
SHIPPED = (FOLDER / "test_config.yaml").read_text()
ODD = SHIPPED + "\nodd: 1\nconstraints: [Total Trades > 5]\n"
BROKEN = SHIPPED.replace("end: 16", "end: 1")
"""Line 9 is at fault."""


@pytest.fixture
def configs(kubernetes: ApiServer, tmp_path: Path, database: Database) -> Iterator[Written]:
    """Yield the app with a folder of configs: those that ship, and a broken one."""
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "optimizations").symlink_to(FOLDER)
    (folder / "mine").mkdir()
    (folder / "mine" / "test.yaml").write_text(SHIPPED)
    (folder / "mine" / "broken.yaml").write_text(BROKEN)
    (folder / "mine" / "long.yaml").write_text("#" * 200_000)
    with writing_app(kubernetes, tmp_path, database.api_url, configs_folder=str(folder)) as written:
        yield written


def post(written: Written, **body: Any) -> Any:
    return written.client.post(RUN, json=body, headers=BEARER)


@pytest.mark.parametrize("source", [{"config": SHIPPED}, {"config_path": "mine/test.yaml"}], ids=["text", "path"])
def test_a_config_is_made_into_the_batch_that_convert_prints(configs: Written, source: dict[str, str]) -> None:
    response = post(configs, **source, name="mine", max_concurrent=2)
    assert response.status_code == 202
    made = response.json()
    (stored,) = configs.stored()
    assert stored["spec"] == read(SHIPPED).spec | {"maxConcurrent": 2}
    assert (made["total"], made["warnings"], made["name"], made["max_concurrent"]) == (6, [], "mine", 2)
    assert post(configs, **source, name="mine", max_concurrent=2).json() == made | {"is_new": False}


def test_the_text_and_the_file_and_the_batch_are_the_same_request(configs: Written) -> None:
    first = post(configs, config=SHIPPED, name="same").json()
    for source in ({"config_path": "mine/test.yaml"}, {"batch": read(SHIPPED).spec}):
        assert post(configs, **source, name="same").json() == first | {"is_new": False}


def test_a_dry_run_counts_and_shows_the_warnings(configs: Written) -> None:
    response = post(configs, config=ODD, dry_run=True)
    found = response.json()
    assert response.status_code == 200
    assert (found["total"], found["first"]["parameters"]["texts"]["rsi_period"]) == (6, "14")
    assert [each[:40] for each in found["warnings"]] == [
        "config: line 17: odd: ignored: the key i",
        "config: line 18: constraints: these are ",
    ]
    assert configs.stored() == []


def test_warnings_of_the_config_come_before_those_of_the_catalog(configs: Written) -> None:
    text = "strategy: {name: Mine, lean_project_path: mine}\nsymbols: [SPY]\nparameters: {a: [1]}\n"
    said = post(configs, config=text).json()["warnings"]
    assert [each.partition(" ")[0] for each in said] == ["config:", "config:", "the"]


def test_engine_and_symbols_of_the_request_win(configs: Written) -> None:
    made = post(configs, config_path="mine/test.yaml", engine="lean", symbols=["MSFT"], name="mine")
    assert made.status_code == 202
    (stored,) = configs.stored()
    assert (stored["spec"]["engine"], stored["spec"]["data"]["symbols"]) == ({"name": "lean"}, ["MSFT"])


def test_lean_s_own_config_runs_too(configs: Written) -> None:
    text = """{"optimization-criterion": {"target": "Sharpe Ratio", "extremum": "max"}, // ranked by
        "algorithm-location": "STR-003_SMA_Crossover_ETF/main.py",
        "parameters": [{"name": "fast_sma", "min": 20, "max": 50, "step": 15}]}"""
    assert post(configs, config=text).json()["total"] == 3


@pytest.mark.parametrize(
    ("body", "status", "field", "problem"),
    [
        pytest.param(
            {"config": BROKEN}, 422, "config", "line 9: parameters.rsi_period.end: end 1 is be", id="a bad range"
        ),
        pytest.param(
            {"config_path": "mine/broken.yaml"},
            422,
            "config_path",
            "line 9: parameters.rsi_period.end: end 1",
            id="in a file",
        ),
        pytest.param({"config": "a: &x [*x]"}, 422, "config", "line 1: anchors", id="a bomb"),
        pytest.param({"config": "[" * 100_000}, 422, "config", "line 1: [0]", id="deep"),
        pytest.param({"config": "a"}, 422, "config", "line 1: expected a config, got 'a'", id="words"),
        pytest.param({"config": ""}, 422, "config", "expected text of at least 1 character, got 0", id="empty"),
        pytest.param(
            {"config": "#" * 200_000},
            422,
            "config",
            "expected text of at most 131072 characters, got 200000",
            id="too long",
        ),
        pytest.param(
            {"config": "é" * 100_000}, 422, "config", "line 1: expected at most 131072 bytes", id="too many bytes"
        ),
        pytest.param({"config": None}, 422, "config", "expected a value, got null", id="null"),
        pytest.param({"config": {"a": 1}}, 422, "config", "expected text, got an object", id="an object"),
        pytest.param({"config_path": "mine/none.yaml"}, 404, "config_path", "the config 'mine/none", id="no file"),
        pytest.param({"config_path": "mine"}, 422, "config_path", "'mine' is not a file", id="a folder"),
        pytest.param({"config_path": "mine/../../x"}, 422, "config_path", "'mine/../../x' leaves", id="dots"),
        pytest.param({"config_path": "/etc/passwd"}, 422, "config_path", "expected text that matches", id="absolute"),
        pytest.param({"config_path": "../x"}, 422, "config_path", "expected text that matches", id="dots first"),
        pytest.param({"config_path": "a\0b"}, 422, "config_path", "expected text that matches", id="NUL"),
        pytest.param(
            {"config_path": "mine/long.yaml"}, 422, "config_path", "line 1: expected at most", id="a long file"
        ),
        pytest.param(
            {"config_path": "optimizations/test_config.yaml"},
            422,
            "config_path",
            "'optimizations/test_c",
            id="a link out",
        ),
        pytest.param({}, 422, "batch", "expected a batch or a config, got neither", id="nothing"),
        pytest.param(
            {"config": SHIPPED, "config_path": "x"},
            422,
            "config_path",
            "expected one source",
            id="both",
        ),
        pytest.param(
            {"batch": {}, "config": SHIPPED},
            422,
            "config",
            "expected one source",
            id="next to a batch",
        ),
        pytest.param(
            {"batch": {}, "engine": "bars"},
            422,
            "engine",
            "the field is only for configs",
            id="engine and batch",
        ),
        pytest.param(
            {"batch": {}, "symbols": ["A"]},
            422,
            "symbols",
            "the field is only for configs",
            id="symbols and batch",
        ),
        pytest.param(
            {"config": SHIPPED, "engine": "excel"},
            422,
            "engine",
            "expected 'bars', 'lean' or 'noop', got 'excel'",
            id="engine",
        ),
        pytest.param(
            {"config": SHIPPED, "symbols": ["a"]}, 422, "symbols[0]", "expected text that matches", id="symbol"
        ),
        pytest.param(
            {"config": SHIPPED, "symbols": []}, 422, "symbols", "expected a list of at least 1 item", id="no symbols"
        ),
        pytest.param({"config": SHIPPED, "name": "Upper"}, 422, "name", "expected text that matches", id="name"),
        pytest.param(
            {
                "config": SHIPPED.replace("RSI_MeanReversion_ETF", "Mine", 1).replace("bars", "lean")
                + "\nmax_concurrent: 999"
            },
            422,
            "config",
            "line 17: max_concurrent: expected a number of at most 256, got 999",
            id="a field of the spec",
        ),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True], ids=["for real", "dry"])
def test_what_cannot_be_meant_is_refused_by_field_and_line_and_nothing_is_created(
    configs: Written, body: dict[str, Any], status: int, field: str, problem: str, dry_run: bool
) -> None:
    found = assert_problem(post(configs, **body, dry_run=dry_run), status)
    assert found.errors[0].field == field
    assert found.errors[0].problem.startswith(problem)
    assert configs.kubernetes.calls_of("POST", "") == []


def test_a_strategy_on_hold_is_refused_at_its_line(configs: Written) -> None:
    text = (
        "strategy:\n  name: MicroFutures_Momentum_MESNQ\n  lean_project_path: x\nsymbols: [MES]\nparameters: {a: [1]}\n"
    )
    (error,) = assert_problem(post(configs, config=text), 422).errors
    assert error.field == "config"
    assert error.problem.startswith("line 2: strategy.name: MicroFutures_Momentum_MESNQ is on hold")


def test_without_a_folder_that_is_said(writing: Written) -> None:
    (error,) = assert_problem(post(writing, config_path="a.yaml"), 404).errors
    assert (error.field, error.problem) == ("config_path", "this API has no folder of configs")
    assert error.hint is not None


# the command line


@pytest.fixture
def command(writing: Written, monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    with serving(writing.app) as url:
        monkeypatch.setenv("BACKFLEET_API_URL", url)
        monkeypatch.setenv("BACKFLEET_API_TOKEN", TOKEN)
        yield writing


def test_run_takes_a_config(command: Written, capsys: Captured) -> None:
    path = str(FOLDER / "test_config.yaml")
    assert run(["run", path, "--name", "mine", "--max-concurrent", "2", "-o", "json"]) == 0
    made = json.loads(capsys.readouterr().out)
    (stored,) = command.stored()
    assert (made["total"], stored["spec"]) == (6, read(SHIPPED).spec | {"maxConcurrent": 2})
    assert run(["run", path, "--engine", "lean", "--dry-run"]) == 0
    assert "nothing was created" in capsys.readouterr().out


def test_run_and_convert_then_apply_are_the_same_batch(command: Written, capsys: Captured, tmp_path: Path) -> None:
    path = FOLDER / "STR-008_RSI_MACD_Combo_ETF.yaml"
    assert run(["convert", str(path), "--name", "combo"]) == 0
    (tmp_path / "batch.yaml").write_text(capsys.readouterr().out)
    assert run(["run", str(tmp_path / "batch.yaml")]) == 0
    assert run(["run", str(path), "--name", "combo"]) == 0
    assert "already exists from the same request: 729 backtests" in capsys.readouterr().out


def test_everything_that_is_wrong_with_a_config_is_in_one_answer(configs: Written) -> None:
    found = assert_problem(post(configs, config=f"{BROKEN}max_concurrent: 0\n"), 422)
    assert [each.problem[:13] for each in found.errors] == ["line 9: param", "line 16: max_"]
    assert found.detail.endswith("See `errors` for 1 more.")


def test_run_shows_warnings_and_errors_of_a_config_with_their_lines(
    command: Written, capsys: Captured, tmp_path: Path
) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(ODD)
    assert run(["run", str(path)]) == 0
    assert capsys.readouterr().err.startswith(f"warning: {path}: line 17: odd: ignored: the key is unknown")
    path.write_text(BROKEN)
    assert run(["run", str(path)]) == 2
    assert f"backfleet: {path}: line 9: parameters.rsi_period.end: end 1 is before" in capsys.readouterr().err
    path.write_text(SHIPPED + "\nstrategy: x\noptimization: {}\n")
    assert run(["run", str(path)]) == 2
    assert "strategy: the key is already in line 2" in capsys.readouterr().err
    assert len(command.stored()) == 1


def test_what_the_api_refuses_of_a_config_is_told_with_its_line(
    command: Written, capsys: Captured, tmp_path: Path, database: Database
) -> None:
    database.server.execute(
        "UPDATE strategies SET status = 'on_hold' WHERE name = 'RSI_MeanReversion_ETF'", database.name
    )
    path = tmp_path / "held.yaml"
    path.write_text(SHIPPED)
    assert run(["run", str(path)]) == 2
    assert f"backfleet: {path}: line 3: strategy.name: RSI_MeanReversion_ETF is on hold" in capsys.readouterr().err
    assert run(["run", str(path), "--name", "Upper"]) == 2
    assert "backfleet: name: " in capsys.readouterr().err


def test_engine_is_refused_beside_a_manifest(command: Written, capsys: Captured, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(read(SHIPPED).spec))
    for option in (["--engine", "bars"], ["--strategy", "X"]):
        assert run(["run", str(tmp_path / "spec.yaml"), *option]) == 2
        assert "--engine, --strategy and --symbols are for configs" in capsys.readouterr().err

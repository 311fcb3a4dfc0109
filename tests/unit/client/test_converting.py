"""`backfleet convert`: a manifest on standard output, warnings and errors with file and line on standard error."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from backfleet_client.main import run
from backfleet_client.manifests import parse_manifest
from tests.support.configs import FOLDER, HEAD, PARAMETERS, TOTALS, read
from tests.support.manifests.crd import schema_faults, with_defaults

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "My_Config.2.yaml").write_text(HEAD + PARAMETERS + "surprise: 1\n")
    return str(tmp_path / "My_Config.2.yaml")


def converted(capsys: Captured, *arguments: str) -> tuple[Any, str]:
    """Return the manifest and the text on standard error."""
    assert run(["convert", *arguments]) == 0
    captured = capsys.readouterr()
    return yaml.safe_load(captured.out), captured.err


def test_a_config_is_printed_as_a_manifest_and_its_warnings_apart(config: str, capsys: Captured) -> None:
    manifest, said = converted(capsys, config)
    assert manifest == {
        "apiVersion": "backfleet.io/v1alpha1",
        "kind": "OptimizationBatch",
        "metadata": {"name": "my-config-2"},
        "spec": read(HEAD + PARAMETERS).spec,
    }
    assert said == f"warning: {config}: line 5: surprise: ignored: the key is unknown\n"


@pytest.mark.parametrize("name", [*TOTALS, "test_config", "template"])
def test_what_is_printed_of_a_shipped_config_is_a_manifest_that_run_takes_back(name: str, capsys: Captured) -> None:
    path = FOLDER / f"{name}.yaml"
    assert run(["convert", str(path)]) == 0
    captured = capsys.readouterr()
    manifest = parse_manifest(captured.out.encode())
    assert (manifest.spec, captured.err) == (read(path.read_text()).spec, "")
    assert manifest.name is not None
    assert manifest.name.replace("-", "") == name.lower().replace("-", "").replace("_", "")
    assert schema_faults(with_defaults(yaml.safe_load(captured.out))) == []


def test_json_holds_the_same(config: str, capsys: Captured) -> None:
    assert run(["convert", config, "-o", "json"]) == 0
    text = capsys.readouterr().out
    assert json.loads(text) == converted(capsys, config)[0]


def test_name_namespace_engine_and_strategy_are_the_options(config: str, capsys: Captured) -> None:
    manifest, _ = converted(capsys, config, "--name", "other.1", "-n", "team", "--engine", "bars")
    assert manifest["metadata"] == {"name": "other.1", "namespace": "team"}
    assert manifest["spec"]["engine"] == {"name": "bars"}
    manifest, said = converted(capsys, config, "--strategy", "RSI_MACD_Combo_ETF")
    assert manifest["spec"]["strategy"]["leanProjectPath"] == "STR-008_RSI_MACD_Combo_ETF"
    assert "warning" in said


def test_symbols_of_the_command_line_take_precedence(config: str, capsys: Captured) -> None:
    assert converted(capsys, config, "--symbols", "QQQ, MSFT")[0]["spec"]["data"]["symbols"] == ["QQQ", "MSFT"]
    assert "requested symbols: expected text of at least 1 character" in refused(capsys, config, "--symbols", "QQQ,")


def test_a_text_that_another_reader_takes_for_a_number_is_quoted(tmp_path: Path, capsys: Captured) -> None:
    """Kubernetes reads YAML by other rules than PyYAML: there, 1e5 is a number and Y is true."""
    (tmp_path / "1e5.yaml").write_text(
        "strategy: {name: Mine, lean_project_path: p}\nsymbols: ['Y', 'ON', SPY]\nparameters: {a: {values: ['1e5', 'up', 'n']}}\n"
    )
    assert run(["convert", str(tmp_path / "1e5.yaml")]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert {'name: "1e5"', '- "Y"', "- 'ON'", "- SPY", '- "1e5"', "- up", '- "n"'} <= set(lines)
    assert 'startDate: "2020-01-01"' in lines


def test_from_standard_input_it_has_the_strategys_name(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((HEAD + PARAMETERS + "odd: 1\n").encode())))
    manifest, said = converted(capsys, "-")
    assert manifest["metadata"] == {"name": "rsi-meanreversion-etf"}
    assert said == "warning: standard input: line 5: odd: ignored: the key is unknown\n"


def refused(capsys: Captured, *arguments: str) -> str:
    assert run(["convert", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_an_error_is_one_line_with_file_and_line(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(HEAD + "parameters:\n  rsi_period: {start: 14, end: 16, step: 0}\n")
    said = refused(capsys, str(path))
    assert said == (
        f"backfleet: {path}: line 4: parameters.rsi_period.step: step is 0. "
        "Write a positive step; the order of values does not matter.\n"
    )


def test_one_run_reports_every_error_on_its_own_line(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(HEAD + "parameters:\n  rsi_period: {start: 14, end: 16, step: 0}\n  exit: []\nengine: excel\n")
    said = refused(capsys, str(path)).splitlines()
    assert [each.partition(": line ")[2][:20] for each in said] == [
        "4: parameters.rsi_pe",
        "5: parameters.exit: ",
        "6: engine: expected ",
    ]
    assert all(each.startswith(f"backfleet: {path}: line ") for each in said)


def test_a_config_cannot_control_the_terminal(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "bad.yaml").write_text(HEAD + PARAMETERS + 'engine: "\\e[31m"\n')
    assert "\x1b" not in refused(capsys, str(tmp_path / "bad.yaml"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/nowhere.yaml"], "nowhere.yaml"),
        (["{}", "--name", "Upper"], "--name: expected a name in Kubernetes, got 'Upper'"),
        (["{}", "--namespace", "a b"], "--namespace: expected a name in Kubernetes, got 'a b'"),
        (["{}", "--engine", "excel"], "--engine"),
        (["{}", "-o", "xml"], "--output"),
        ([], "Missing argument"),
    ],
)
def test_what_is_wrong_with_the_command_is_code_2(
    config: str, arguments: list[str], said: str, capsys: Captured
) -> None:
    assert said in refused(capsys, *(config if each == "{}" else each for each in arguments))


def test_a_config_that_is_too_long_is_not_read_to_its_end(capsys: Captured) -> None:
    assert "expected at most 131072 bytes, got more" in refused(capsys, "/dev/zero")


def test_help_loads_neither_yaml_nor_pydantic() -> None:
    code = "import sys, backfleet_client.main as m; m.run(['convert', '--help']); print({'yaml', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "set()"

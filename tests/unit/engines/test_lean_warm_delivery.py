"""How the warm supervisor and driver reach LEAN's container, and that what they restate is what the product says."""

import ast
import base64
import json
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from backfleet.core import wire
from backfleet.engines import member_processes, reports, shim
from backfleet.engines.lean.data_folder import prepared
from backfleet.engines.lean.engine import LAUNCHER, LeanEngine
from backfleet.engines.lean.warm import delivery, folders, orders, process, supervisor
from backfleet.engines.protocol import EngineSettings
from tests.support.jobs import build_request
from tests.support.packs import pack_of, pack_of_all

FOLDER = Path(delivery.__file__).parent
SOURCES = {path.stem: path.read_text() for path in FOLDER.glob("*.py") if path.stem != "delivery"}
MOST_BYTES_OF_A_VARIABLE = 96 * 1024
REQUEST = build_request("lean")
PACK = replace(pack_of_all(REQUEST, {"a": "1"}, {"a": "2"}), is_warm=True)
SETTINGS = EngineSettings(image="lean:1")


def test_a_warm_pack_runs_the_supervisor_with_the_launcher() -> None:
    container = LeanEngine().container(PACK, SETTINGS)
    plain = LeanEngine().container(replace(PACK, is_warm=False), SETTINGS)
    warm = {
        "BACKFLEET_WARM_MEMBERS": "50", "BACKFLEET_WARM_MEMORY_MIB": "1400", "BACKFLEET_WARM_START_SECONDS": "300",
        "BACKFLEET_WARM_PROGRAM": delivery.program(),
    }  # fmt: skip
    done = {name: text for name, text in plain.environment.items() if "_DONE_" in name}
    assert len(done) == 2
    assert container == replace(
        plain,
        command=prepared("/Lean/Data", delivery.supervised(LAUNCHER)),
        environment={name: text for name, text in {**plain.environment, **warm}.items() if name not in done},
        runs_packs=True,
    )
    assert not plain.runs_packs


def test_the_installation_sets_the_limits_of_a_process() -> None:
    settings = replace(SETTINGS, environment={wire.ENV_WARM_MEMBERS: "20", wire.ENV_WARM_MEMORY: "3000"})
    environment = LeanEngine().container(PACK, settings).environment
    assert [environment[name] for name in (wire.ENV_WARM_MEMBERS, wire.ENV_WARM_MEMORY)] == ["20", "3000"]
    plain = LeanEngine().container(replace(PACK, is_warm=False), SETTINGS)
    assert not any("WARM" in name for name in plain.environment)


def test_a_pack_of_one_is_never_warm() -> None:
    one = pack_of(REQUEST)
    assert LeanEngine().container(replace(one, is_warm=True), SETTINGS) == LeanEngine().container(one, SETTINGS)


def test_all_modules_travel_in_one_variable_of_bounded_size() -> None:
    text = delivery.program()
    assert len(text) < MOST_BYTES_OF_A_VARIABLE
    assert json.loads(zlib.decompress(base64.b64decode(text))) == SOURCES
    assert {*delivery.MODULES, "__init__"} == set(SOURCES)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_what_travels_needs_python_3_11_and_nothing_of_backfleet(name: str) -> None:
    tree = ast.parse(SOURCES[name], feature_version=(3, 11))
    modules = [each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names]
    modules += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    assert not any(module.startswith("backfleet") for module in modules)


def test_nothing_in_the_command_is_expanded_by_shell_or_kubernetes() -> None:
    assert "'" not in delivery._LOADER
    assert "$" not in delivery._LOADER
    assert "$(" not in delivery.SCRIPT


def test_the_names_are_those_of_the_wire() -> None:
    known = {text for name, text in vars(wire).items() if name.startswith("ENV_")}
    used = {
        node.value
        for source in SOURCES.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("BACKFLEET_")
        and " " not in node.value
    }  # fmt: skip
    assert len(used) > 10
    assert used <= known
    assert (folders.EXIT_FILE, folders.STDERR_FILE) == (wire.SHIM_EXIT_FILE, wire.SHIM_STDERR_FILE)
    assert folders.KEPT_FILE == wire.SHIM_KEPT_FILE


def test_reports_limits_and_codes_are_those_of_the_shim() -> None:
    assert (folders.REPORT, folders.MEMBER_LINE) == (reports.MEMBER_REPORT, reports.MEMBER_LINE)
    assert (folders.MAX_KEPT_BYTES, process.MAX_WORDS_BYTES) == (shim.MAX_KEPT_BYTES, shim.MAX_WORDS_BYTES)
    assert supervisor.CODE_TIMEOUT == member_processes.CODE_TIMEOUT
    driver = ast.parse(SOURCES["driver"])
    codes = {ast.unparse(node) for node in driver.body if isinstance(node, ast.Assign)}
    assert f"CODE_UNFIT, CODE_FAILED = ({supervisor.CODE_UNFIT}, {supervisor.CODE_BARREN})" in " ".join(codes)


def test_the_defaults_are_those_of_the_container() -> None:
    environment = LeanEngine().container(PACK, SETTINGS).environment
    defaults = (orders.DEFAULT_MEMBERS, orders.DEFAULT_MEMORY_MIB, orders.DEFAULT_START_SECONDS)
    names = (wire.ENV_WARM_MEMBERS, wire.ENV_WARM_MEMORY, wire.ENV_WARM_START)
    assert tuple(int(environment[name]) for name in names) == defaults

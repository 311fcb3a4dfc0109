"""The Dockerfile keeps what the chart and the build rely on."""

import fnmatch
import re
import tomllib
from pathlib import Path

import pytest

from backfleet_api.settings import ENV_CONFIGS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
STAGES = {re.search(r" AS (\S+)", part)[1]: part for part in re.split(r"(?m)^(?=FROM )", TEXT)[1:]}  # type: ignore[index]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TEMPLATES = ROOT / "helm" / "backfleet" / "templates"


def test_it_has_the_two_targets_over_bases_that_a_build_may_replace():
    assert set(STAGES) == {"backfleet", "evaluation-postgres"}
    assert re.findall(r"(?m)^ARG (\w+)=", TEXT) == ["BASE_IMAGE", "POSTGRES_BASE_IMAGE"]
    assert [stage.split()[1] for stage in STAGES.values()] == ["${BASE_IMAGE}", "${POSTGRES_BASE_IMAGE}"]


@pytest.mark.parametrize("target", ["backfleet", "evaluation-postgres"])
def test_the_last_word_on_the_user_is_a_number_that_is_not_root(target: str):
    users = re.findall(r"(?m)^USER (\d+):(\d+)$", STAGES[target])
    assert users
    assert "0" not in users[-1]


def test_the_user_has_a_passwd_entry_since_kopf_asks_for_its_name():
    assert re.search(r"(?m)^USER 10001:10001$", STAGES["backfleet"])
    assert "'backfleet:x:10001:10001:" in STAGES["backfleet"]


def test_it_names_no_registry_index_or_host():
    assert not re.search(r"https?://|--index-url|--extra-index|--trusted-host", TEXT)


def test_dependencies_come_from_the_hashed_lock_before_any_code():
    stage = STAGES["backfleet"]
    assert "--require-hashes" in stage
    assert stage.index("COPY requirements.lock") < stage.index("--require-hashes") < stage.index("COPY pyproject.toml")


def test_every_command_of_the_chart_is_one_of_the_project():
    commands = {
        command
        for file in TEMPLATES.glob("*.yaml")
        for command in re.findall(r"command: \[(backfleet[\w-]*)\]", file.read_text())
    }
    assert commands == {"backfleet-operator", "backfleet-api", "backfleet-migrate"}
    assert commands <= set(PROJECT["project"]["scripts"])


def test_what_is_copied_is_in_the_build_context_and_what_the_wheel_has_is_copied():
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [word for line in re.findall(r"(?m)^COPY (.*)$", TEXT) for word in line.split()[:-1]]
    for word in copied:
        assert any(path == word or path.startswith(f"{word}/") for path in allowed), word
        assert (ROOT / word).exists(), word
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) == {path for path in allowed if path.split("/")[0] in ("operator", "api")}


def test_no_secret_can_slip_into_the_build_context():
    first = next(line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#"))
    assert first == "*"
    assert fnmatch.fnmatch("configs/secret.env", first)


def test_the_version_of_chart_and_project_is_one():
    chart = (ROOT / "helm" / "backfleet" / "Chart.yaml").read_text()
    assert f'appVersion: "{PROJECT["project"]["version"]}"' in chart


def test_the_configs_of_the_image_are_where_its_api_looks():
    stage = STAGES["backfleet"]
    folder = re.search(rf"{ENV_CONFIGS}=(\S+)", stage)
    assert folder is not None
    assert f"COPY configs/optimizations {folder[1]}/optimizations/" in stage


def test_the_image_holds_nothing_of_an_extra():
    # The wheel of the indexes has prices that may not be passed on (docs/strategies.md).
    locked = set(re.findall(r"(?m)^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text()))
    assert "requirements.lock" in STAGES["backfleet"]
    for wanted in PROJECT["project"]["optional-dependencies"].values():
        assert not {name for each in wanted for name in re.findall("^[a-z0-9-]+", each)} & locked

"""What docs/lean.md shows is what the code takes: its batch, its values, its parameters and its image."""

import re
from pathlib import Path
from typing import Any

import yaml

from backfleet.core.spec.model import parse_spec
from backfleet.core.spec.validation import AcceptanceLimits, validate_spec
from backfleet.core.wire import LEAN_PARAMETERS
from backfleet.settings import Settings
from tests.contract.test_chart_settings import rendered

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "lean.md").read_text(encoding="utf-8")
BLOCKS: list[dict[str, Any]] = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
BATCHES = [block for block in BLOCKS if "kind" in block]
VALUES = [block for block in BLOCKS if "engines" in block]


def test_its_batch_is_accepted() -> None:
    (batch,) = BATCHES
    accepted = validate_spec(parse_spec(batch["spec"]), {"lean": None}, AcceptanceLimits())
    assert accepted.lean_project_path == batch["spec"]["strategy"]["leanProjectPath"]


def test_its_values_are_taken_and_give_both_engines_the_same_data() -> None:
    assert len(VALUES) == 2
    volumes, restricted = (Settings.model_validate(rendered(values)) for values in VALUES)
    data = {name: next(m for m in volumes.engines[name].mounts if m.name == "data") for name in ("bars", "lean")}
    assert data["bars"] == data["lean"]
    assert volumes.has_mount("lean", "projects")
    assert restricted.engines["lean"].security_context["runAsNonRoot"] is True


def test_it_names_the_parameters_and_the_image() -> None:
    assert all(f"`{name}`" in PAGE for name in LEAN_PARAMETERS)
    assert f"`{Settings.model_validate(rendered({})).engines['lean'].image}`" in PAGE


def test_it_says_what_has_not_been_verified() -> None:
    assert "**built from its sources and not the published image**" in PAGE

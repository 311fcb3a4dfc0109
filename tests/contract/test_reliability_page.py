"""The page on reliability: every trap has its row, every test that it names is there, and its times are those in force."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from pydantic.alias_generators import to_camel

from backfleet.core.planning.observation import Limits
from backfleet.core.spec.model import FailurePolicySpec

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8")
VALUES = yaml.safe_load((REPOSITORY / "helm" / "backfleet" / "values.yaml").read_text(encoding="utf-8"))
TRAPS = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
WAITS = re.compile(r"^\| [^|]+ \| (\d+) (s|min|h) \| `([\w.]+)` \|$", re.MULTILINE)
SECONDS = {"s": 1, "min": 60, "h": 3600}
NUMBER_OF_TRAPS = 31


@cache
def functions_of(file: str) -> frozenset[str]:
    tree = ast.parse((REPOSITORY / "tests" / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def default_of(setting: str) -> int:
    """Return the default of a value of the chart, or of a field of the custom resource."""
    *path, name = setting.split(".")
    if path[0] == "spec":
        fields = {to_camel(each): field for each, field in FailurePolicySpec.model_fields.items()}
        return int(fields[name].default)
    return int(VALUES[path[0]][name])


def test_every_trap_has_its_row() -> None:
    assert [int(number) for number, *_ in TRAPS.findall(PAGE)] == list(range(1, NUMBER_OF_TRAPS + 1))


@pytest.mark.parametrize(("number", "shown"), [(row[0], row[3]) for row in TRAPS.findall(PAGE)])
def test_a_row_names_tests_that_exist_or_says_why_it_cannot_happen(number: str, shown: str) -> None:
    named = NAMED.findall(shown)
    assert named or "cannot happen" in shown
    assert [f"{file}::{test}" for file, test in named if test not in functions_of(file)] == []


def test_every_file_of_tests_that_is_named_exists() -> None:
    paths = re.findall(r"`(tests/[\w/.]+)`", PAGE)
    assert paths
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []


def test_the_times_to_wait_are_the_defaults() -> None:
    said = {setting: int(count) * SECONDS[unit] for count, unit, setting in WAITS.findall(PAGE)}
    assert len(said) == 6
    assert said == {setting: default_of(setting) for setting in said}


def test_the_time_for_a_lost_node_is_that_of_the_limits() -> None:
    extra = Limits().deadline_slack_seconds + Limits().overdue_seconds
    assert f"the sum of start, engine and recorder, and {extra // 60} min" in PAGE


def test_the_readme_leads_to_it() -> None:
    assert "(docs/reliability.md)" in (REPOSITORY / "README.md").read_text(encoding="utf-8")

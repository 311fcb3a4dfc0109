"""The page on success criteria says what the code does: one row per rule, in order, with its metric and rejection."""

import re
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.criteria import RULES, Rule, SuccessCriteria
from backfleet.core.metrics import METRICS
from backfleet.core.spec.model import CriteriaSpec
from backfleet.store.tables.batches import SuccessCriteriaRow
from tests.support.manifests.crd import load_schema

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "criteria.md").read_text()
METRICS_PAGE = (ROOT / "docs" / "metrics.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (at least|at most) \| `(\w+)` \| (.+?) \| `(\w+)` \|$", re.MULTILINE)
SCHEMA: dict[str, Any] = load_schema()["properties"]["spec"]["properties"]["successCriteria"]["properties"]


def test_the_page_has_every_rule_of_the_code_in_its_order() -> None:
    told = [(name, of, metric, rejection) for name, of, metric, _, rejection in ROW.findall(PAGE)]
    assert told == [
        (rule.wire_name, "at least" if rule.is_floor else "at most", rule.metric, rule.rejection) for rule in RULES
    ]


def test_every_criterion_has_a_rejection_of_its_own() -> None:
    rejections = [rule.rejection for rule in RULES]
    assert len(set(rejections)) == len(RULES) == 12
    assert {"insufficient_trades", "low_sharpe_ratio", "high_drawdown", "low_win_rate", "high_fees"} <= {*rejections}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.wire_name)
def test_a_rule_has_one_name_everywhere(rule: Rule) -> None:
    assert rule.metric in METRICS
    assert f"| `{rule.metric}` |" in METRICS_PAGE
    assert rule.field in SuccessCriteria.__dataclass_fields__
    assert CriteriaSpec.model_fields[rule.field].alias == rule.wire_name
    assert rule.field in SuccessCriteriaRow.__table__.c
    assert f"(metric {rule.metric})" in SCHEMA[rule.wire_name]["description"]


def test_nothing_is_judged_by_no_rule() -> None:
    assert list(SCHEMA) == [rule.wire_name for rule in RULES]
    assert list(CriteriaSpec.model_fields) == [rule.field for rule in RULES]
    assert list(SuccessCriteria.__dataclass_fields__) == [rule.field for rule in RULES]


def test_no_code_spells_a_rejection_but_the_rules() -> None:
    """Examples of answers show some, and nothing decides by them."""
    sources = [path for root in ("operator", "api") for path in (ROOT / root).rglob("*.py")]
    codes = re.compile("|".join(f'"{rule.rejection}"' for rule in RULES))
    found = {path.name for path in sources if codes.search(path.read_text())}
    assert found == {"criteria.py", "examples.py"}

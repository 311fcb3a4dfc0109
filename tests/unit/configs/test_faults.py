"""A config that is not valid is an error that names the file, the line, the path and the fix."""

import pytest

from backfleet.configs.converting import convert, is_config
from backfleet.configs.documents import MAX_CONFIG_BYTES, MAX_FAULTS, ConfigInvalid
from tests.support.configs import CATALOG, GOOD, read, read_fault


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(
            "a: [1", "line 6: this is not YAML: expected ',' or ']', but got '<stream end>'", id="half a list"
        ),
        pytest.param(
            "a: b: c", "line 5: this is not YAML: mapping values are not allowed here. Check", id="two colons"
        ),
        pytest.param(
            "a: &x 1", "line 5: anchors (&) and aliases (*) are not supported. Write the value itself", id="anchor"
        ),
        pytest.param(
            "a: *x", "line 5: anchors (&) and aliases (*) are not supported. Write the value itself", id="alias"
        ),
        pytest.param(
            "a: !!python/object/apply:os.system [ls]", "line 5: the tag 'tag:yaml.org,2002:python/obj", id="tag"
        ),
        pytest.param(
            "a: !!int '1'", "line 5: the tag 'tag:yaml.org,2002:int' is not supported. Write plain", id="plain tag"
        ),
        pytest.param("a: \x00", "line 5: YAML does not allow this character. Remove it", id="NUL"),
        pytest.param(
            'a: "\\UFFFFFFFF"',
            "line 1: an escape sequence does not name a character. Write the char",
            id="escape of nothing",
        ),
        pytest.param("strategy: X", "line 5: strategy: the key is already in line 1. Write each key once", id="twice"),
        pytest.param(
            "? [a]\n: 1",
            "line 5: expected text as a key, got a list or a section. Write `key: value`",
            id="a list as key",
        ),
        pytest.param("'': 1", "line 5: expected a key of 1 to 100 printable characters, got ''", id="an empty key"),
        pytest.param("---\na: 1", "line 5: a second document begins. Write one config per file", id="two documents"),
        pytest.param("a: " + "[" * 30, "line 5: a[0][0]", id="deep"),
        pytest.param(f"a: [{'1,' * 10_001}]", "line 5: a[9", id="too many values"),
    ],
)
def test_text_that_is_not_plain_yaml_is_an_error(lines: str, said: str) -> None:
    assert read_fault(f"{GOOD}{lines}\n")[: len(said)] == said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("", "line 1: the config is empty. Add strategy, optimization and backtest", id="nothing"),
        pytest.param("# words\n---\n", "line 3: expected a config, got nothing", id="an empty document"),
        pytest.param("- a\n", "line 1: expected a config, got a list. Write `key: value` lines", id="a list"),
        pytest.param("words", "line 1: expected a config, got 'words'", id="words"),
        pytest.param(
            "a: 1\nb: \xff".encode("latin-1"), "line 2: byte 8 is not valid UTF-8. Save the file as UTF-8", id="latin 1"
        ),
        pytest.param(
            "a" * (MAX_CONFIG_BYTES + 1), "line 1: expected at most 131072 bytes, got more. Write ranges", id="too long"
        ),
        pytest.param(
            "ä" * (MAX_CONFIG_BYTES // 2 + 1), "line 1: expected at most 131072 bytes, got more", id="too long in UTF-8"
        ),
        pytest.param(
            "batch_name: all\noptimizations: [a.yaml]", "line 1: batch_name: the key belongs to another f", id="a batch"
        ),
    ],
)
def test_content_that_is_not_a_config_is_an_error(content: str | bytes, said: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        convert(content, CATALOG)
    assert f"{caught.value.problem}. {caught.value.hint}"[: len(said)] == said


EVERYTHING = """\
strategy: {nmae: x}
engine: excel
parameters:
  a: {start: 3, end: 1, step: 1}
  b: [1, 1]
  c: {start: 1, end: 2}
  d e: [1]
  f: [1, 2]
constraints: [Drawdwn < 0.1, f < 2, f <, a < 3, ghost < f]
success_criteria: {min_tradse: 1, max_drawdown: 15, min_trades: 1.5, beauty: 1}
optimization: {target_metric: beauty, target_direction: up, type: guess}
max_concurrent: 1000
backtest: {start_date: 2021-01-01, end_date: 2020-01-01, initial_capital: much}
symbols: [spy]
"""
EVERY_FAULT = (
    "line 1: strategy.nmae: the key is unknown",
    "line 1: strategy: the config names no strategy",
    "line 2: engine: expected an engine, got 'excel'",
    "line 4: parameters.a.end: end 1 is before start 3",
    "line 5: parameters.b[1]: 1 repeats the value at position 0",
    "line 6: parameters.c: the range has no step",
    "line 7: parameters.d e: expected text that matches",
    "line 9: constraints[0]: expected a statistic or a parameter, got 'Drawdwn'",
    "line 9: constraints[2]: at character 4: expected a term",
    "line 9: constraints[4]: at character 1: expected a parameter, got 'ghost'",
    "line 10: success_criteria.min_tradse: the key is unknown",
    "line 10: success_criteria.beauty: the key is unknown",
    "line 10: success_criteria.max_drawdown: expected a fraction from 0 to 1, got 15",
    "line 10: success_criteria.min_trades: expected a count, got 1.5",
    "line 11: optimization.type: expected a type of search, got 'guess'",
    "line 11: optimization.target_metric: expected a metric, got 'beauty'",
    "line 11: optimization.target_direction: expected a direction, got 'up'",
    "line 12: max_concurrent: expected a number of at most 256, got 1000",
    "line 13: backtest.initial_capital: expected a number, got 'much'",
    "line 13: backtest.end_date: 2020-01-01 is before startDate 2021-01-01",
    "line 14: symbols[0]: expected text that matches",
)


def test_one_run_names_every_fault_in_the_order_of_lines() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read(EVERYTHING, file="mine.yaml")
    found = [caught.value, *caught.value.others]
    assert {each.field for each in found} == {"mine.yaml"}
    for said, wanted in zip([each.problem for each in found], EVERY_FAULT, strict=False):
        assert said.startswith(wanted)
    assert len(found) == MAX_FAULTS


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("min_tradse", "Did you mean min_trades?"),
        ("maxDrawdown", "Did you mean max_drawdown?"),
        ("minimum_sharpe", None),
        ("max_risk_per_year", None),
        ("min_drawdown", None),
        ("max_loss_per_trade", None),
    ],
)
def test_a_hint_is_given_only_where_the_meaning_is_near(key: str, hint: str | None) -> None:
    said = read_fault(f"{GOOD}success_criteria: {{{key}: 0.1}}\n")
    assert said.endswith(hint) if hint else "Did you mean" not in said


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        pytest.param(GOOD, True, id="a config"),
        pytest.param("optimization: {}", True, id="a section of configs"),
        pytest.param("success_criteria: {}", True, id="another"),
        pytest.param("batch_name: x", True, id="a list of configs"),
        pytest.param('{"optimization-criterion": {}}', True, id="LEAN's"),
        pytest.param("a: 1\noptimization: {}\na: 2", True, id="a config that cannot be read"),
        pytest.param('{\n  "optimization-criterion": [\n', True, id="LEAN's that cannot be read"),
        pytest.param("apiVersion: v1\noptimization: {}", False, id="a manifest"),
        pytest.param("strategy: {name: X}\nparameters: [{name: x}]", False, id="a spec"),
        pytest.param("strategy: {name: X}", False, id="too little"),
        pytest.param("words", False, id="words"),
        pytest.param("a: [", False, id="nothing that can be read"),
    ],
)
def test_a_config_is_known_by_its_sections(text: str, is_one: bool) -> None:
    assert is_config(text) == is_config(text.encode()) == is_one

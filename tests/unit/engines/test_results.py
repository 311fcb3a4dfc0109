import copy
import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from backfleet.core.backtests import Finding, Result, result_from_json, result_to_json
from backfleet.core.metrics import METRICS
from backfleet.engines.files import FileProblem, parse_json
from backfleet.engines.results import parse_result

RESULT = Result(
    metrics={name: (3 if name.startswith("total_") and name != "total_fees" else 0.5) for name in METRICS}
    | {"win_rate": None},
    statistics={"Sharpe Ratio": "0.5"},
    equity_curve=((date(2000, 3, 1), 1000.0), (date(2013, 3, 1), 1100.0)),
    blocks=((10, 0.1, 0.001),) * 16,
    warnings=("zero trades",),
    provenance={"engine": "bars"},
)


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(result_to_json(RESULT)), **fields}


def with_metric(name: str, value: Any) -> dict[str, Any]:
    body = changed()
    body["metrics"][name] = value
    return body


def test_a_written_result_is_read_back_equal() -> None:
    assert parse_result("result.json", json.loads(json.dumps(result_to_json(RESULT)))) == RESULT


FINDINGS = (
    Finding(name="Flat", issue="The equity is flat."),
    Finding(name="Few", issue="Few days.", sample="[5]", count=2),
)


def test_an_analysis_is_read_back_equal_and_left_out_where_there_is_none() -> None:
    body = result_to_json(replace(RESULT, analysis=FINDINGS))
    assert parse_result("result.json", json.loads(json.dumps(body))).analysis == FINDINGS
    assert result_from_json(json.loads(json.dumps(body))).analysis == FINDINGS
    assert "analysis" not in result_to_json(RESULT)
    assert result_from_json(json.loads(json.dumps(result_to_json(RESULT)))) == RESULT


def test_a_metric_that_is_left_out_is_absent() -> None:
    body = changed(metrics={"sharpe_ratio": 2})
    metrics = parse_result("result.json", body).metrics
    assert metrics == {name: 2.0 if name == "sharpe_ratio" else None for name in METRICS}
    assert type(metrics["sharpe_ratio"]) is float


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ([], "is no object"),
        ({}, "has no metrics"),
        (changed(extra=1), "has an unknown field 'extra'"),
        (changed(metrics=[]), "metrics is no object"),
        (with_metric("sharp", 1), "metrics has an unknown 'sharp'"),
        (with_metric("sharpe_ratio", "1.0"), "metrics.sharpe_ratio is '1.0', not a number"),
        (with_metric("sharpe_ratio", True), "metrics.sharpe_ratio is True, not a number"),
        (with_metric("sharpe_ratio", [[1]]), "metrics.sharpe_ratio is a list, not a number"),
        (with_metric("sharpe_ratio", float("inf")), "metrics.sharpe_ratio is not finite"),
        (with_metric("sharpe_ratio", float("nan")), "metrics.sharpe_ratio is not finite"),
        (with_metric("sharpe_ratio", 10**400), "metrics.sharpe_ratio is not finite"),
        (with_metric("total_trades", 3.5), "metrics.total_trades is 3.5, not a count"),
        (with_metric("total_trades", -1), "metrics.total_trades is -1, not a count"),
        (with_metric("total_trades", True), "metrics.total_trades is True, not a count"),
        (with_metric("total_trades", 2**31), "metrics.total_trades is a very large number, not a count"),
        (changed(analysis={}), "analysis is no list"),
        (changed(analysis=[{"name": "x", "issue": "y"}] * 51), "analysis has 51 entries, more than 50"),
        (changed(analysis=[{"name": "x"}]), "analysis holds something that is not a finding"),
        (changed(analysis=[{"name": "x", "issue": "y", "why": "z"}]), "analysis holds something that is not a finding"),
        (changed(analysis=[{"name": "x", "issue": 5}]), "analysis holds 5, not a text"),
        (changed(analysis=[{"name": "x", "issue": "y", "count": -1}]), "analysis holds -1, not a count"),
        (changed(equityCurve={}), "equityCurve is no list"),
        (changed(equityCurve=[["2000-03-01", 1.0]] * 201), "equityCurve has 201 entries, more than 200"),
        (changed(equityCurve=[["2000-02-30", 1.0]]), "equityCurve holds '2000-02-30', which is no date"),
        (changed(equityCurve=[["2000-03-01"]]), "equityCurve holds a list, not a date and a number"),
        (changed(equityCurve=[[1, 1.0]]), "equityCurve holds a list"),
        (changed(equityCurve=[["2000-03-01", None]]), "equityCurve is None, not a number"),
        (changed(blocks=[[1, 1.0, 1.0]] * 17), "blocks has 17 entries, more than 16"),
        (changed(blocks=[[1.0, 1.0, 1.0]]), "blocks holds a list, not a count"),
        (changed(blocks=[[1, 1.0, 10**400]]), "blocks is not finite"),
        (changed(blocks=[5]), "blocks holds 5, not a count"),
        (changed(warnings=["x"] * 501), "warnings has 501 entries"),
        (changed(warnings=[None]), "warnings holds None, not a text"),
        (changed(statistics=[]), "statistics is no object"),
        (changed(statistics={"a": 1}), "statistics holds 1, not a text"),
        (changed(provenance={str(number): "" for number in range(501)}), "provenance is no object of at most 500"),
    ],
)
def test_anything_else_is_named(body: Any, problem: str) -> None:
    with pytest.raises(FileProblem) as caught:
        parse_result("result.json", body)
    assert str(caught.value).startswith(f"result.json: {problem}")


def test_a_number_beyond_a_float_in_the_file_is_not_finite() -> None:
    text = json.dumps(changed()).replace('"sharpe_ratio": 0.5', '"sharpe_ratio": 1e400')
    with pytest.raises(FileProblem, match=r"metrics\.sharpe_ratio is not finite"):
        parse_result("result.json", parse_json("result.json", text.encode()))


def test_texts_are_cleaned_and_cut() -> None:
    body = changed(warnings=["a\x00b\ud800"], statistics={"k\x00": "v" * 2000}, provenance={"engine": "\x00"})
    result = parse_result("result.json", body)
    assert result.warnings == ("a\ufffdb\ufffd",)
    assert result.statistics == {"k\ufffd": "v" * 999 + "…"}
    assert result.provenance == {"engine": "\ufffd"}

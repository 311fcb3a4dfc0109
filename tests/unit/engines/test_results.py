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
        ([], "expected a JSON object, got a list"),
        ({}, "the field metrics is missing"),
        (changed(extra=1), "unknown field 'extra'"),
        (changed(metrics=[]), "metrics: expected an object, got a list"),
        (with_metric("sharp", 1), "metrics: unknown metric 'sharp'"),
        (with_metric("sharpe_ratio", "1.0"), "metrics.sharpe_ratio: expected a number, got '1.0'"),
        (with_metric("sharpe_ratio", True), "metrics.sharpe_ratio: expected a number, got True"),
        (with_metric("sharpe_ratio", [[1]]), "metrics.sharpe_ratio: expected a number, got a list"),
        (with_metric("sharpe_ratio", float("inf")), "metrics.sharpe_ratio: expected a finite number"),
        (with_metric("sharpe_ratio", float("nan")), "metrics.sharpe_ratio: expected a finite number"),
        (with_metric("sharpe_ratio", 10**400), "metrics.sharpe_ratio: expected a finite number"),
        (with_metric("total_trades", 3.5), "metrics.total_trades: expected a count, got 3.5"),
        (with_metric("total_trades", -1), "metrics.total_trades: expected a count, got -1"),
        (with_metric("total_trades", True), "metrics.total_trades: expected a count, got True"),
        (with_metric("total_trades", 2**31), "metrics.total_trades: expected a count, got a very large number"),
        (changed(analysis={}), "analysis: expected a list, got an object"),
        (changed(analysis=[{"name": "x", "issue": "y"}] * 51), "analysis: expected at most 50 entries, got 51"),
        (changed(analysis=[{"name": "x"}]), "analysis: expected findings with name and issue"),
        (
            changed(analysis=[{"name": "x", "issue": "y", "why": "z"}]),
            "analysis: expected findings with name and issue",
        ),
        (changed(analysis=[{"name": "x", "issue": 5}]), "analysis: expected a string, got 5"),
        (changed(analysis=[{"name": "x", "issue": "y", "count": -1}]), "analysis: expected a count, got -1"),
        (changed(equityCurve={}), "equityCurve: expected a list, got an object"),
        (changed(equityCurve=[["2000-03-01", 1.0]] * 201), "equityCurve: expected at most 200 entries, got 201"),
        (changed(equityCurve=[["2000-02-30", 1.0]]), "equityCurve: expected a date, got '2000-02-30'"),
        (changed(equityCurve=[["2000-03-01"]]), "equityCurve: expected a date and a number, got a list"),
        (changed(equityCurve=[[1, 1.0]]), "equityCurve: expected a date and a number, got a list"),
        (changed(equityCurve=[["2000-03-01", None]]), "equityCurve: expected a number, got None"),
        (changed(blocks=[[1, 1.0, 1.0]] * 17), "blocks: expected at most 16 entries, got 17"),
        (changed(blocks=[[1.0, 1.0, 1.0]]), "blocks: expected a count, a sum and a sum of squares, got a list"),
        (changed(blocks=[[1, 1.0, 10**400]]), "blocks: expected a finite number, got a very large number"),
        (changed(blocks=[5]), "blocks: expected a count, a sum and a sum of squares, got 5"),
        (changed(warnings=["x"] * 501), "warnings: expected at most 500 entries, got 501"),
        (changed(warnings=[None]), "warnings: expected a string, got None"),
        (changed(statistics=[]), "statistics: expected an object of at most 500 strings, got a list"),
        (changed(statistics={"a": 1}), "statistics: expected a string, got 1"),
        (
            changed(provenance={str(number): "" for number in range(501)}),
            "provenance: expected an object of at most 500 strings, got an object",
        ),
    ],
)
def test_anything_else_is_named(body: Any, problem: str) -> None:
    with pytest.raises(FileProblem) as caught:
        parse_result("result.json", body)
    assert str(caught.value).startswith(f"result.json: {problem}")


def test_a_number_beyond_a_float_in_the_file_is_not_finite() -> None:
    text = json.dumps(changed()).replace('"sharpe_ratio": 0.5', '"sharpe_ratio": 1e400')
    with pytest.raises(FileProblem, match=r"metrics\.sharpe_ratio: expected a finite number, got inf"):
        parse_result("result.json", parse_json("result.json", text.encode()))


def test_texts_are_cleaned_and_cut() -> None:
    body = changed(warnings=["a\x00b\ud800"], statistics={"k\x00": "v" * 2000}, provenance={"engine": "\x00"})
    result = parse_result("result.json", body)
    assert result.warnings == ("a\ufffdb\ufffd",)
    assert result.statistics == {"k\ufffd": "v" * 999 + "…"}
    assert result.provenance == {"engine": "\ufffd"}

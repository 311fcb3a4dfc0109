"""Ratios have LEAN's three decimals for people, and all digits for programs."""

import json
from typing import Any

from backfleet.core.metrics import METRICS, Unit, as_shown
from backfleet_api.schemas import examples
from backfleet_api.schemas.reading import Backtest, Batch, RankedResult
from backfleet_client import views
from backfleet_client.output import render_table, render_tsv
from backfleet_client.progress import conclude, describe

FIRST, SECOND = 0.9124, 0.9116
"""LEAN shows both as 0.912."""


def ranked(value: float) -> RankedResult:
    row: dict[str, Any] = examples.RESULTS["results"][0]
    figures = {"value": value, "metrics": {"sharpe_ratio": value, "drawdown": 0.12345}}
    return RankedResult.model_validate_json(json.dumps(row | figures))


def best_of(value: float) -> Batch:
    return Batch.model_validate_json(json.dumps(examples.BATCH | {"best": examples.BATCH["best"] | {"value": value}}))


def test_a_table_rounds_ratios_to_three_decimals_and_nothing_else() -> None:
    shown = render_table(*views.result_rows([ranked(FIRST), ranked(SECOND)], "sharpe_ratio"))
    assert [line.split()[4] for line in shown.splitlines()[1:]] == ["0.912", "0.912"]
    assert "0.12345" in shown


def test_what_programs_read_has_all_digits() -> None:
    text = render_tsv(*views.result_rows_in_full([ranked(FIRST), ranked(SECOND)]))
    assert (str(FIRST) in text, str(SECOND) in text) == (True, True)


def test_status_lists_and_progress_show_the_best_with_three_decimals() -> None:
    batch = best_of(FIRST)
    texts = [views.batch_text(batch), render_table(*views.batch_rows([batch])), describe(batch), conclude(batch)]
    assert [("0.912" in text, str(FIRST) in text) for text in texts] == [(True, False)] * 4


def test_status_shows_what_would_make_a_batch_faster() -> None:
    advice = (
        "a backtest took 2 s, of which the engine ran 0.5 s: 75% went into its pod. Set spec.backtestsPerJob to auto."
    )
    shown = views.batch_text(Batch.model_validate_json(json.dumps(examples.BATCH | {"advice": [advice]})))
    assert [line.split(maxsplit=1) for line in shown.splitlines() if line.startswith("advice")] == [["advice", advice]]
    assert "advice" not in views.batch_text(best_of(FIRST))


def test_a_backtest_shows_its_ratios_with_three_decimals() -> None:
    body = examples.BACKTEST["result"] | {"metrics": {"sharpe_ratio": FIRST, "net_profit": 0.123456}}
    text = views.backtest_text(Backtest.model_validate_json(json.dumps(examples.BACKTEST | {"result": body})))
    assert ("0.912\n" in text, "0.123456" in text) == (True, True)


def test_only_ratios_are_rounded() -> None:
    rounded = {metric for metric in METRICS if as_shown(metric, 0.12345678) != 0.12345678}
    assert rounded == {metric for metric, known in METRICS.items() if known.unit is Unit.RATIO}
    assert "sharpe_ratio" in rounded

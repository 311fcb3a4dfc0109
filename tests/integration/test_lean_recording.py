"""A result of LEAN on its way through a real Postgres: texts stay texts, and the odd figures stay what they are."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backfleet.core.backtests import Result
from backfleet.core.records import Measured
from backfleet.engines.lean.outcome import outcome_of_run
from backfleet.recorder.appending import Answer, append_rows, row
from tests.support.changes import Life, attempt, succeed
from tests.support.databases import Database
from tests.support.launched import launched
from tests.support.lean_outcomes import REQUEST
from tests.support.lean_results import STATISTICS, make_performance, make_result, write_run

pytestmark = pytest.mark.postgres

ODD = {
    "Custom": 'tab\tline\r\nbell\x07 é 漢 🙂 "quoted" {} \\u0000',
    "": "no name",
    "Long": "x" * 4000,
    "Total Fees": "BUSD1,099.75",
    "Net Profit": "79228162514264337593543950335%",
    "Sharpe Ratio": "6.85437353574334E+27",
}
PORTFOLIO = {"sortinoRatio": "-4.1599647001098314E+27", "winRate": "0.6471"}


@pytest.fixture
def life(database: Database) -> Iterator[Life]:
    """Yield a batch with one launched attempt."""
    with launched(database) as life:
        yield life


def test_what_lean_wrote_arrives_text_for_text_and_its_figures_as_they_are(
    life: Life, database: Database, tmp_path: Path
) -> None:
    statistics = {**STATISTICS, **ODD}
    write_run(tmp_path, make_result(statistics=statistics, totalPerformance=make_performance(PORTFOLIO)))
    written = outcome_of_run(tmp_path, REQUEST)
    assert isinstance(written.ending, Result)
    assert written.ending.statistics == statistics
    assert append_rows(database.recorder_url, [row(attempt().id, written)]).answer is Answer.APPENDED
    (outcome,) = life.look().outcomes
    assert isinstance(outcome.ending, Measured)
    metrics = outcome.ending.metrics
    life.save(replace(succeed(attempt(), metrics["sharpe_ratio"]), metrics=metrics, outcome=outcome))
    columns = "o.body -> 'statistics', r.metrics, sharpe_ratio, sortino_ratio, net_profit, win_rate, total_fees"
    joined = "backtest_results r JOIN backtest_outcomes o USING (attempt_id)"
    stored, metrics, *ranked = life.query(f"SELECT {columns} FROM {joined}")[0].values()
    assert stored == statistics
    assert ranked == [6.85437353574334e27, -4.1599647001098314e27, 7.922816251426434e26, 0.6471, 1099.75]
    assert {name: number and float(number) for name, number in metrics.items()} == written.ending.metrics

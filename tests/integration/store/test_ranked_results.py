"""Pages of ranked results, as the API reads them through its own role."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from backfleet.core.ranking import Direction, Objective
from backfleet.core.warmth import RunKind
from backfleet.store.queries import results
from backfleet.store.queries.answers import CombinationAnswer, RankedResult, ResultQuery
from backfleet.store.queries.filters import ResultFilters
from tests.support.changes import INSTALLATION, SPEC, START, UID, Life, attempt, launch, succeed
from tests.support.ranking import rank

pytestmark = pytest.mark.postgres

VALUES = [1.5, None, -0.5, 1.5, 0.0, None, 9.25]


def save_results(life: Life, objective: dict[str, str]) -> None:
    life.save(*(launch(attempt(index)) for index in range(len(VALUES))), spec=dict(SPEC) | {"objective": objective})
    life.save(
        *(
            succeed(attempt(index), value, () if index % 2 else ("low_sharpe_ratio",))
            for index, value in enumerate(VALUES)
        )
    )


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("own", [True, False], ids=["the batch's own objective", "another objective"])
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_pages_of_results_follow_the_one_ranking(
    life: Life, api_engine: Engine, direction: Direction, own: bool, limit: int
) -> None:
    save_results(life, {"metric": "sharpe_ratio", "direction": direction.value} if own else {"metric": "drawdown"})
    objective = Objective("sharpe_ratio", direction)
    expected = rank([(value, index) for index, value in enumerate(VALUES)], objective)
    query = ResultQuery(objective=None if own else objective, limit=limit)
    seen: list[tuple[int, float | int | None, int]] = []
    while True:
        page = results.list_results(api_engine, INSTALLATION, UID, query)
        assert len(page.items) <= limit
        seen += [(each.rank, each.value, each.index) for each in page.items]
        if page.next_place is None:
            break
        query = replace(query, after=page.next_place)
    assert seen == [(place + 1, value, index) for place, (value, index) in enumerate(expected)]


def test_only_passed_results_are_ranked_among_themselves(life: Life, api_engine: Engine) -> None:
    save_results(life, {"metric": "sharpe_ratio"})
    page = results.list_results(api_engine, INSTALLATION, UID, ResultQuery(filters=ResultFilters(only_passed=True)))
    assert [(each.rank, each.index, each.passed) for each in page.items] == [(1, 3, True), (2, 1, True), (3, 5, True)]


def test_results_rank_by_a_metric_without_a_column(life: Life, api_engine: Engine) -> None:
    life.save(launch(attempt(0)), launch(attempt(1)))
    life.save(succeed(attempt(0)), succeed(attempt(1), total_orders=12))
    page = results.list_results(
        api_engine, INSTALLATION, UID, ResultQuery(objective=Objective("total_orders", Direction.MAXIMIZE))
    )
    assert [(each.index, each.value) for each in page.items] == [(1, 12), (0, None)]


def test_a_ranked_result_has_all_of_its_row(life: Life, api_engine: Engine) -> None:
    life.save(launch(attempt(0)))
    settled = succeed(attempt(0), 1.25, ("high_drawdown",))
    life.save(settled)
    (found,) = results.list_results(api_engine, INSTALLATION, UID, ResultQuery()).items
    assert found == RankedResult(
        rank=1,
        backtest_id=f"{UID}-0",
        index=0,
        value=1.25,
        combination=CombinationAnswer(
            values={"rsi_period": 14, "entry_threshold": 25.5}, texts={"rsi_period": "14", "entry_threshold": "25.5"}
        ),
        metrics=settled.metrics,
        passed=False,
        rejections=("high_drawdown",),
        criteria_version=1,
        run=RunKind.FRESH,
        warnings=("one bar was missing",),
        provenance={"engine": "bars", "engineVersion": "1"},
        recorded_at=START + timedelta(seconds=10),
    )
    assert list(found.combination.texts) == ["rsi_period", "entry_threshold"], "in the order of the axes"

"""What the API reads, through its own role."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from backfleet.core.backtests import BacktestState
from backfleet.core.errors import NotFound, SpecInvalid
from backfleet.core.ranking import Direction, Objective
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchState, Best, Counters
from backfleet.store.queries import reading
from backfleet.store.queries.answers import (
    AttemptAnswer,
    BacktestAnswer,
    BacktestSummary,
    BatchAnswer,
    BatchQuery,
    CombinationAnswer,
    RankedResult,
    ResultAnswer,
    ResultQuery,
)
from tests.support.changes import (
    FINDING,
    INSTALLATION,
    SPEC,
    START,
    UID,
    Life,
    attempt,
    batch,
    fail,
    launch,
    mark,
    succeed,
)
from tests.support.ranking import rank

pytestmark = pytest.mark.postgres


def other_uid(number: int) -> str:
    return f"0f1e2d3c-0000-4000-8000-0000000001{number:02}"


def test_a_batch_is_told_in_full(life: Life, api_engine: Engine) -> None:
    best = Best(index=0, value=1.25, parameter_texts={"rsi_period": "14", "entry_threshold": "25.5"})
    life.save(launch(attempt(0)), launch(attempt(1)), launch(attempt(2)), total=5)
    life.save(
        succeed(attempt(0)),
        fail(attempt(1)),
        mark(attempt(2)),
        counters=Counters(succeeded=1, failed=1, passed=1),
        best=best,
        first_engine_started_at=START,
        recent_ends=((START, 0),),
    )
    told = reading.get_batch(api_engine, INSTALLATION, UID)
    assert told == BatchAnswer(
        record=batch(
            state=BatchState.LIVE,
            total=5,
            counters=Counters(succeeded=1, failed=1, passed=1),
            best=best,
            labels={"team": "alpha"},
            submitter="ada",
            first_engine_started_at=START,
            recent_ends=((START, 0),),
        ),
        strategy="RSI_MeanReversion_ETF",
        engine="bars",
        objective=Objective("sharpe_ratio", Direction.MAXIMIZE),
        active=1,
    )
    assert told.record.version == 2


def test_a_name_finds_the_newest_batch_in_its_namespace(life: Life, api_engine: Engine) -> None:
    life.save()
    newer = batch(uid=other_uid(1), accepted_at=START + timedelta(hours=1))
    elsewhere = batch(uid=other_uid(2), namespace="elsewhere", accepted_at=START + timedelta(hours=2))
    for record in (newer, elsewhere):
        Life(life.engine, life.epoch, record).save()
    assert reading.get_batch(api_engine, INSTALLATION, "rsi-small", "research").record.uid == newer.uid
    assert reading.get_batch(api_engine, INSTALLATION, "rsi-small").record.uid == elsewhere.uid
    assert reading.get_batch(api_engine, INSTALLATION, UID, "research").record.uid == UID
    for unknown in (("nothing", None), ("rsi-small", "nowhere"), (UID, "elsewhere")):
        with pytest.raises(NotFound):
            reading.get_batch(api_engine, INSTALLATION, *unknown)


def test_pages_of_batches_show_each_once_newest_first(life: Life, api_engine: Engine) -> None:
    # Two and two were accepted in the same moment.
    records = [batch(uid=other_uid(i), accepted_at=START + timedelta(seconds=i // 2)) for i in range(7)]
    for record in records:
        Life(life.engine, life.epoch, record).save()
    seen: list[str] = []
    query = BatchQuery(limit=3)
    for _ in range(3):
        page = reading.list_batches(api_engine, INSTALLATION, query)
        seen += [each.record.uid for each in page.items]
        query = replace(query, after=page.next_place)
    assert seen == [record.uid for record in reversed(records)]
    assert query.after is None


def test_batches_are_filtered(life: Life, api_engine: Engine) -> None:
    life.save()
    other = Life(life.engine, life.epoch, batch(uid=other_uid(1), namespace="lab", name="other"))
    other.save(spec=dict(SPEC) | {"strategy": {"name": "Mine"}})
    other.finish()

    def listed(**filters: object) -> list[str]:
        return [each.record.uid for each in reading.list_batches(api_engine, INSTALLATION, BatchQuery(**filters)).items]  # type: ignore[arg-type]

    assert listed(namespace="lab") == listed(name="other") == listed(strategy="Mine") == [other_uid(1)]
    assert listed(state=BatchState.FINISHED) == [other_uid(1)]
    assert listed(state=BatchState.LIVE) == [UID]
    assert listed(namespace="lab", state=BatchState.LIVE) == []


def test_a_place_that_is_none_is_refused(api_engine: Engine) -> None:
    with pytest.raises(SpecInvalid, match="cursor"):
        reading.list_batches(api_engine, INSTALLATION, BatchQuery(after=("yesterday", "x")))


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
        page = reading.list_results(api_engine, INSTALLATION, UID, query)
        assert len(page.items) <= limit
        seen += [(each.rank, each.value, each.index) for each in page.items]
        if page.next_place is None:
            break
        query = replace(query, after=page.next_place)
    assert seen == [(place + 1, value, index) for place, (value, index) in enumerate(expected)]


def test_only_passed_results_are_ranked_among_themselves(life: Life, api_engine: Engine) -> None:
    save_results(life, {"metric": "sharpe_ratio"})
    page = reading.list_results(api_engine, INSTALLATION, UID, ResultQuery(only_passed=True))
    assert [(each.rank, each.index, each.passed) for each in page.items] == [(1, 3, True), (2, 1, True), (3, 5, True)]


def test_results_rank_by_a_metric_without_a_column(life: Life, api_engine: Engine) -> None:
    life.save(launch(attempt(0)), launch(attempt(1)))
    life.save(succeed(attempt(0)), succeed(attempt(1), total_orders=12))
    page = reading.list_results(
        api_engine, INSTALLATION, UID, ResultQuery(objective=Objective("total_orders", Direction.MAXIMIZE))
    )
    assert [(each.index, each.value) for each in page.items] == [(1, 12), (0, None)]


def test_a_ranked_result_tells_all_of_its_row(life: Life, api_engine: Engine) -> None:
    life.save(launch(attempt(0)))
    settled = succeed(attempt(0), 1.25, ("high_drawdown",))
    life.save(settled)
    (told,) = reading.list_results(api_engine, INSTALLATION, UID, ResultQuery()).items
    assert told == RankedResult(
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
        warnings=("one bar was missing",),
        provenance={"engine": "bars", "engineVersion": "1"},
        recorded_at=START + timedelta(seconds=10),
    )
    assert list(told.combination.texts) == ["rsi_period", "entry_threshold"], "in the order of the axes"


@pytest.mark.parametrize("verb", [reading.list_results, reading.list_backtests])
def test_an_unknown_batch_is_not_found(api_engine: Engine, verb: object) -> None:
    arguments = (ResultQuery(),) if verb is reading.list_results else ()
    with pytest.raises(NotFound, match="no batch"):
        verb(api_engine, INSTALLATION, "unknown", *arguments)  # type: ignore[operator]


def test_a_backtest_is_told_with_its_attempts_and_result(life: Life, api_engine: Engine) -> None:
    second = attempt(number=2, charged=1)
    life.save(launch(attempt()))
    life.save(fail(attempt(), BacktestState.QUEUED), launch(second))
    life.save(mark(second))
    settled = succeed(second)
    life.save(settled)
    told = reading.get_backtest(api_engine, INSTALLATION, f"{UID}-0")
    combination = CombinationAnswer(
        values={"rsi_period": 14, "entry_threshold": 25.5}, texts={"rsi_period": "14", "entry_threshold": "25.5"}
    )
    first_answer, second_answer = told.attempts
    assert told == BacktestAnswer(
        backtest=BacktestSummary(
            id=f"{UID}-0",
            index=0,
            window_no=0,
            state=BacktestState.SUCCEEDED,
            combination=combination,
            attempt_count=2,
            reason=None,
            message=None,
            started_at=START + timedelta(seconds=3),
            finished_at=START + timedelta(seconds=10),
        ),
        batch_uid=UID,
        batch_name="rsi-small",
        namespace="research",
        attempts=(first_answer, second_answer),
        result=ResultAnswer(
            metrics=settled.metrics,
            objective_value=1.25,
            passed=True,
            rejections=(),
            criteria_version=1,
            statistics={"Net Profit": "12 %"},
            equity_curve=((date(2000, 3, 1), 2500.0), (date(2013, 3, 1), 2812.5)),
            blocks=((204, 0.125, 0.5), (204, -0.25, 0.75)),
            warnings=("one bar was missing",),
            provenance={"engine": "bars", "engineVersion": "1"},
            analysis=(FINDING,),
            recorded_at=START + timedelta(seconds=10),
        ),
    )
    assert (first_answer.number, first_answer.reason, first_answer.is_charged) == (1, FailureReason.OOM_KILLED, True)
    assert second_answer == AttemptAnswer(
        number=2,
        job_name=second.job_name,
        pod_name="pod-1",
        launched_at=START,
        engine_started_at=START + timedelta(seconds=3),
        engine_finished_at=START + timedelta(seconds=9),
        ended_at=START + timedelta(seconds=10),
        is_charged=None,
        exit_code=0,
        reason=None,
        message=None,
    )


def test_a_backtest_that_was_never_launched_is_not_found(life: Life, api_engine: Engine) -> None:
    life.save()
    with pytest.raises(NotFound, match="launched"):
        reading.get_backtest(api_engine, INSTALLATION, f"{UID}-2")


def test_backtests_are_listed_by_index_and_state(life: Life, api_engine: Engine) -> None:
    life.save(*(launch(attempt(index)) for index in range(4)))
    life.save(fail(attempt(1)), fail(attempt(3)), succeed(attempt(2)))
    page = reading.list_backtests(api_engine, INSTALLATION, UID, limit=3)
    assert [(each.index, each.state.value) for each in page.items] == [
        (0, "launching"),
        (1, "failed"),
        (2, "succeeded"),
    ]
    assert page.next_place == 2
    rest = reading.list_backtests(api_engine, INSTALLATION, UID, after=page.next_place, limit=3)
    assert ([each.index for each in rest.items], rest.next_place) == ([3], None)
    failed = reading.list_backtests(api_engine, INSTALLATION, UID, BacktestState.FAILED)
    assert [(each.index, each.reason) for each in failed.items] == [
        (1, FailureReason.OOM_KILLED),
        (3, FailureReason.OOM_KILLED),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE optimization_batches SET name = 'x'",
        "DELETE FROM backtest_jobs",
        "INSERT INTO backtest_outcomes (attempt_id, kind) VALUES ('x', 'failed')",
        "CREATE TABLE mine (id int)",
    ],
)
def test_the_api_may_not_write(api_engine: Engine, statement: str) -> None:
    with pytest.raises(DBAPIError, match="read-only transaction"), api_engine.begin() as connection:
        connection.execute(text(statement))
    with api_engine.begin() as connection:
        connection.execute(text("SET TRANSACTION READ WRITE"))
        with pytest.raises(DBAPIError, match="permission denied"):
            connection.execute(text(statement))


@pytest.mark.parametrize(
    "view", ["strategy_leaderboard", "parameter_performance", "fee_analysis", "daily_summary", "strategies"]
)
def test_the_api_may_read_tables_and_views(api_engine: Engine, view: str) -> None:
    with api_engine.connect() as connection:
        connection.execute(text(f"SELECT * FROM {view}")).all()

"""What the API reads, through its own role."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from backfleet.core.backtests import BacktestState
from backfleet.core.changes import SettleResult
from backfleet.core.errors import NotFound, SpecInvalid
from backfleet.core.ranking import Direction, Objective
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchState, Best, Counters
from backfleet.core.warmth import RunKind
from backfleet.store.queries import reading, results
from backfleet.store.queries.answers import (
    AttemptAnswer,
    BacktestAnswer,
    BacktestQuery,
    BacktestSummary,
    BatchAnswer,
    BatchQuery,
    CombinationAnswer,
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
    pack,
    succeed,
)

pytestmark = pytest.mark.postgres


def other_uid(number: int) -> str:
    return f"0f1e2d3c-0000-4000-8000-0000000001{number:02}"


def test_a_batch_is_read_in_full(life: Life, api_engine: Engine) -> None:
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
    found = reading.get_batch(api_engine, INSTALLATION, UID)
    assert found == BatchAnswer(
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
    assert found.record.version == 2


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


@pytest.mark.parametrize("verb", [results.list_results, reading.list_backtests])
def test_an_unknown_batch_is_not_found(api_engine: Engine, verb: object) -> None:
    arguments = (ResultQuery(),) if verb is results.list_results else (BacktestQuery(),)
    with pytest.raises(NotFound, match="no batch"):
        verb(api_engine, INSTALLATION, "unknown", *arguments)  # type: ignore[operator]


COMBINATION = CombinationAnswer(
    values={"rsi_period": 14, "entry_threshold": 25.5}, texts={"rsi_period": "14", "entry_threshold": "25.5"}
)


def succeed_at_the_second(life: Life) -> SettleResult:
    """Let the first attempt fail and the next one succeed. Return what the pass saved last."""
    first, second = attempt(), attempt(number=2, charged=1)
    life.save(launch(first))
    life.save(fail(first, BacktestState.QUEUED), launch(second))
    life.save(mark(second))
    settled = succeed(second)
    life.save(settled)
    return settled


def test_a_backtest_is_read_with_its_attempts_and_result(life: Life, api_engine: Engine) -> None:
    settled = succeed_at_the_second(life)
    found = reading.get_backtest(api_engine, INSTALLATION, f"{UID}-0")
    assert found == BacktestAnswer(
        backtest=BacktestSummary(
            id=f"{UID}-0",
            index=0,
            window_no=0,
            state=BacktestState.SUCCEEDED,
            combination=COMBINATION,
            attempt_count=2,
            reason=None,
            message=None,
            started_at=START + timedelta(seconds=3),
            finished_at=START + timedelta(seconds=10),
        ),
        batch_uid=UID,
        batch_name="rsi-small",
        namespace="research",
        engine="bars",
        spec=SPEC,
        attempts=found.attempts,
        result=ResultAnswer(
            metrics=settled.metrics,
            objective_value=1.25,
            passed=True,
            rejections=(),
            criteria_version=1,
            run=RunKind.FRESH,
            statistics={"Net Profit": "12 %"},
            equity_curve=((date(2000, 3, 1), 2500.0), (date(2013, 3, 1), 2812.5)),
            blocks=((204, 0.125, 0.5), (204, -0.25, 0.75)),
            warnings=("one bar was missing",),
            provenance={"engine": "bars", "engineVersion": "1"},
            analysis=(FINDING,),
            recorded_at=START + timedelta(seconds=10),
        ),
    )


def test_the_attempts_of_a_backtest_are_read_in_their_order(life: Life, api_engine: Engine) -> None:
    second = attempt(number=2, charged=1)
    succeed_at_the_second(life)
    first_answer, second_answer = reading.get_backtest(api_engine, INSTALLATION, f"{UID}-0").attempts
    assert (first_answer.number, first_answer.reason, first_answer.is_charged) == (1, FailureReason.OOM_KILLED, True)
    assert second_answer == AttemptAnswer(
        number=2,
        job_name=pack(second).job_name,
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
    page = reading.list_backtests(api_engine, INSTALLATION, UID, BacktestQuery(limit=3))
    assert [(each.index, each.state.value) for each in page.items] == [
        (0, "launching"),
        (1, "failed"),
        (2, "succeeded"),
    ]
    assert page.next_place == 2
    rest = reading.list_backtests(api_engine, INSTALLATION, UID, BacktestQuery(after=page.next_place, limit=3))
    assert ([each.index for each in rest.items], rest.next_place) == ([3], None)
    failed = reading.list_backtests(api_engine, INSTALLATION, UID, BacktestQuery(state=BacktestState.FAILED))
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
def test_the_api_may_read_tables_and_views(life: Life, api_engine: Engine, view: str) -> None:
    life.save(launch(attempt()))
    life.save(succeed(attempt()))
    with api_engine.connect() as connection:
        assert connection.execute(text(f"SELECT * FROM {view}")).all() != []

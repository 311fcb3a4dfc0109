"""The clock of the API server, read from its answers, and what a pass makes of one that is wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from backfleet.controller.api_clock import PROMPT_SECONDS, ApiClock
from backfleet.controller.cluster import Cluster
from backfleet.core import wire
from tests.support.clocked import ClockedDatabase
from tests.support.cluster import NAMESPACE
from tests.support.operator import Operator, batch_spec, values
from tests.support.postgres_rows import PostgresRows
from tests.world.api_server import ApiServer

HOUR = 3600.0


def read(api: ApiServer) -> float:
    """Return by how much the clock that was read is ahead of this machine's."""
    cluster = Cluster(api.client())
    cluster.list_jobs(NAMESPACE)
    read = cluster.read_clock()
    assert read is not None
    return (read - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize("ahead", [0.0, HOUR, -HOUR])
def test_the_clock_is_that_of_the_servers_answers(api: ApiServer, ahead: float) -> None:
    api.ahead_seconds = ahead
    assert read(api) == pytest.approx(ahead, abs=2)


def test_nobody_knows_the_time_before_the_first_answer(api: ApiServer) -> None:
    assert Cluster(api.client()).read_clock() is None


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_a_date_that_says_nothing_is_passed_over(date: str | None) -> None:
    clock = ApiClock()
    clock.note(date, float("inf"))
    assert clock.read() is None


def test_an_answer_that_took_long_does_not_say_what_time_it_is() -> None:
    clock = ApiClock()
    clock.note("Mon, 05 Jan 2026 09:00:00 GMT", -PROMPT_SECONDS)
    assert clock.read() is None


def test_the_clock_goes_on_by_the_seconds_that_its_process_counts() -> None:
    seconds = [100.0]
    clock = ApiClock(lambda: seconds[0])
    clock.note("Mon, 05 Jan 2026 09:00:00 GMT", 100.0)
    seconds[0] += 30
    assert clock.read() == datetime(2026, 1, 5, 9, 0, 30, 500_000, tzinfo=UTC)


@pytest.mark.postgres
@pytest.mark.parametrize("ahead", [-HOUR, HOUR], ids=["Postgres is an hour ahead", "Postgres is an hour behind"])
def test_a_job_made_a_moment_ago_by_another_clock_is_left_alone(
    api: ApiServer, clocked_database: ClockedDatabase, ahead: float
) -> None:
    api.ahead_seconds = ahead
    body = {"metadata": {"name": "demo"}, "spec": batch_spec(parameters=values(1), failurePolicy={})}
    api.objects.create(wire.PLURAL, NAMESPACE, body)
    operator = Operator(Cluster(api.client()), PostgresRows(now=datetime.now(UTC), store=clocked_database))
    operator.turn()
    ((_, _, name),) = [key for key in api.objects.stored if key[0] == "jobs"]
    job = api.objects.stored["jobs", NAMESPACE, name]
    made_at = datetime.now(UTC) + timedelta(seconds=ahead)
    job["metadata"]["creationTimestamp"] = f"{made_at:%Y-%m-%dT%H:%M:%SZ}"
    job["spec"]["activeDeadlineSeconds"] = 600
    for _ in range(3):
        report = operator.turn()
        assert report.plan.overdue == ()
    assert report.skew_seconds == pytest.approx(-ahead, abs=3)
    assert [key[2] for key in api.objects.stored if key[0] == "jobs"] == [name]

"""What finished Jobs cost a pass, in calls and bytes over HTTP: a settled one costs nothing, however many there are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from backfleet.controller.passes import Passes
from backfleet.core import wire
from tests.support.finished import add_batch, add_finished, build_passes
from tests.support.memory import MemoryRows
from tests.world.api_server import ApiServer

COUNT = 10_000


@pytest.fixture(scope="module")
def api() -> Iterator[ApiServer]:
    with ApiServer.running() as server:
        yield server


def cost(api: ApiServer, passes: Passes) -> tuple[list[str], int]:
    """Return the calls and bytes of one pass."""
    calls, sent = len(api.calls), api.sent
    passes.run()
    return [f"{call.method} {call.path}" for call in api.calls[calls:]], api.sent - sent


def test_a_pass_costs_the_same_with_ten_thousand_settled_jobs_as_with_none(api: ApiServer) -> None:
    owner = add_batch(api)
    rows = MemoryRows(now=datetime.now(UTC).replace(microsecond=0))
    passes = build_passes(api.client(), rows)
    for _ in range(3):
        rows.now += timedelta(seconds=3)
        passes.run()
    calls, sent = cost(api, passes)

    add_finished(api, owner, COUNT)
    rows.now += timedelta(seconds=3)
    calls_then, sent_then = cost(api, passes)
    assert calls_then == calls
    assert sent_then <= sent * 1.2

    rows.now += timedelta(seconds=60)
    api.calls.clear()
    passes.run()
    (look,) = [call for call in api.calls if call.query.get("labelSelector") == wire.SETTLED_SELECTOR]
    assert look.query["limit"] == "100", "once a minute they are looked at, a page in each pass"

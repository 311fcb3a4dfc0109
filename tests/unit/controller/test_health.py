"""What probes and metrics are answered."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from backfleet.controller.health import answer, serve
from backfleet.controller.loop import LoopHealth
from backfleet.controller.passes import PassReport
from backfleet.controller.prometheus import observe_pass
from backfleet.core.planning.effects import Plan

STALE_SECONDS = 100.0


def health(*, age: float = 0.0, silence: float = 0.0, **state: Any) -> LoopHealth:
    now = time.monotonic()
    moments = {"last_turn_at": now - age, "last_listened_at": now - silence}
    return LoopHealth(**{"is_holder": True, "problem": None, **moments, **state})


@pytest.mark.parametrize(
    ("state", "alive", "ready"),
    [
        pytest.param({}, 200, 200, id="at work"),
        pytest.param({"is_holder": False, "problem": "another holds the fence"}, 200, 503, id="standing by"),
        pytest.param({"problem": "Postgres does not answer"}, 200, 503, id="in trouble"),
        pytest.param({"is_holder": False}, 200, 503, id="without the fence"),
        pytest.param({"refused": {"lab": "not allowed"}}, 200, 200, id="one namespace left out"),
        pytest.param({"age": STALE_SECONDS - 30}, 200, 200, id="slow"),
        pytest.param({"age": STALE_SECONDS + 5}, 500, 200, id="hung"),
        pytest.param({"silence": STALE_SECONDS - 30}, 200, 200, id="listening slowly"),
        pytest.param({"silence": STALE_SECONDS + 5}, 500, 200, id="nobody listens"),
    ],
)
def test_liveness_is_that_the_loop_turns_and_readiness_that_it_works(
    state: dict[str, Any], alive: int, ready: int
) -> None:
    assert answer("/healthz", health(**state), STALE_SECONDS).status == alive
    assert answer("/readyz", health(**state), STALE_SECONDS).status == ready


def test_an_answer_says_why() -> None:
    state = health(is_holder=False, problem="another holds the fence", age=7.0)
    state.refused = {"lab": "not allowed: 403"}
    facts = json.loads(answer("/readyz?verbose", state, STALE_SECONDS).body)
    assert facts.pop("lastTurnSecondsAgo") == pytest.approx(7.0, abs=5)
    assert facts.pop("lastListenedSecondsAgo") == pytest.approx(0.0, abs=5)
    wanted = {"holdsFence": False, "problem": "another holds the fence", "failingBatches": {}, "clockSkewSeconds": 0.0}
    assert facts == {**wanted, "namespacesLeftOut": {"lab": "not allowed: 403"}}


@pytest.fixture
def url() -> Iterator[str]:
    server = serve(health(), 0, STALE_SECONDS)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_it_is_answered_over_http(url: str) -> None:
    with urlopen(f"{url}/readyz", timeout=5) as reply:
        assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
        assert json.loads(reply.read())["holdsFence"] is True


def test_any_other_path_is_told_where_to_go(url: str) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{url}/", timeout=5)
    assert caught.value.code == 404
    assert b"/metrics" in caught.value.read()


def test_the_metrics_say_what_the_last_pass_did(url: str) -> None:
    plan = Plan(overdue=("job-1", "job-2"))
    report = PassReport(plan=plan, errors={}, seconds=0.3, live_batches=7, refused={"lab": "403"}, failing_count=1)
    observe_pass(report)
    with urlopen(f"{url}/metrics", timeout=5) as reply:
        assert reply.headers["Content-Type"].startswith("text/plain")
        lines = reply.read().decode().splitlines()
    figures = {"live_batches": 7, "failing_batches": 1, "overdue_jobs": 2, "namespaces_left_out": 1}
    assert {f"backfleet_{name} {value:.1f}" for name, value in figures.items()} <= set(lines)
    assert any(line.startswith('backfleet_passes_total{result="done"}') for line in lines)

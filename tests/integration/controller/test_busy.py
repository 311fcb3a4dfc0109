"""An API server that has too much to do: how long a pause it asks for, in every form, and from any call."""

from collections.abc import Callable
from typing import Any

import pytest

from backfleet.controller.api_clock import retry_after
from backfleet.controller.cluster import Cluster
from backfleet.core.errors import Busy
from tests.world.api_server import ApiServer
from tests.world.faults import Fault

NAMESPACE = "research"
JOB = {"metadata": {"name": "demo-1", "namespace": NAMESPACE}}
SENT = "Tue, 24 Nov 2026 15:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"Retry-After": "17"}, 17.0, id="seconds"),
        pytest.param({"Retry-After": "0"}, 0.0, id="at once"),
        pytest.param({"Retry-After": "Tue, 24 Nov 2026 15:01:30 GMT", "Date": SENT}, 90.0, id="a date"),
        pytest.param({"Retry-After": "Tue, 24 Nov 2026 14:00:00 GMT", "Date": SENT}, 0.0, id="a date that is over"),
        pytest.param({"Retry-After": "Tuesday, 24-Nov-26 15:01:30 GMT", "Date": SENT}, 90.0, id="an obsolete date"),
        pytest.param({"Retry-After": "Tue, 24 Nov 2026 15:01:30 GMT"}, 1.0, id="a date without the answer's own"),
        pytest.param({}, 1.0, id="absent"),
        pytest.param({"Retry-After": ""}, 1.0, id="empty"),
        pytest.param({"Retry-After": "soon", "Date": SENT}, 1.0, id="words"),
        pytest.param({"Retry-After": "-5", "Date": SENT}, 1.0, id="negative"),
        pytest.param({"Retry-After": "1.5", "Date": SENT}, 1.0, id="a fraction"),
        pytest.param({"Retry-After": "9" * 400, "Date": SENT}, 1.0, id="beyond all bounds"),
        pytest.param({"Retry-After": "Tue, 99 Nov 2026 15:01:30 GMT", "Date": SENT}, 1.0, id="no such day"),
    ],
)
def test_the_pause_that_an_answer_asks_for(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda cluster: cluster.list_jobs(NAMESPACE), id="list"),
        pytest.param(lambda cluster: cluster.create_job(JOB), id="create"),
        pytest.param(lambda cluster: cluster.patch_status(NAMESPACE, "demo", "u", {}), id="status"),
        pytest.param(lambda cluster: cluster.delete_job(NAMESPACE, "demo-1", "u"), id="delete"),
    ],
)
def test_an_api_server_that_is_busy_says_for_how_long(api: ApiServer, call: Callable[[Cluster], object]) -> None:
    busy: dict[str, Any] = {"code": 429, "message": "too many requests", "headers": {"Retry-After": "23"}}
    api.faults += [Fault("/namespaces/", method, **busy) for method in ("GET", "POST", "PATCH", "DELETE")]
    with pytest.raises(Busy, match="429 too many requests") as caught:
        call(Cluster(api.client()))
    assert caught.value.retry_after_seconds == 23.0
    assert len(api.calls) == 1

"""Batches started and cancelled by REST on a real cluster, with the token of the chart's Secret."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from hack.local import LocalBackfleet
from tests.e2e.conftest import install
from tests.support.live import Live
from tests.support.observer import wait_until

RUN = "/api/optimization/run-parallel"
OPERATOR = "deployment/backfleet-operator"


def noop(count: int, seconds: float = 1.0) -> dict[str, Any]:
    """Return the spec of quick backtests."""
    return {
        "strategy": {"name": "Noop"},
        "engine": {"name": "noop"},
        "data": {"symbols": ["AAPL"], "startDate": "2000-03-01", "endDate": "2001-03-01"},
        "parameters": [
            {"name": "value", "type": "int", "range": {"start": 1, "end": count, "step": 1}},
            {"name": "sleep_seconds", "type": "float", "value": seconds},
        ],
        "ttlSecondsAfterFinished": 60,
    }


def read_token(live: Live) -> str:
    text = live.kubectl("get", "secret", "backfleet-api-token", "-o", "jsonpath={.data.token}").stdout
    return base64.b64decode(text).decode()


@pytest.fixture
def token(live: Live) -> str:
    return read_token(live)


def send(live: Live, method: str, path: str, token: str | None, body: Any = None) -> tuple[int, Any, dict[str, str]]:
    """Return status, body and headers of an answer, whatever it is."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{live.api_url}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), dict(error.headers)


@pytest.fixture
def without_operator(live: Live) -> Iterator[Any]:
    """Stop the operator until the yielded function is called, or the test is over."""

    def scale(replicas: int) -> None:
        live.kubectl("scale", OPERATOR, f"--replicas={replicas}")

    def gone() -> bool:
        selector = "app.kubernetes.io/component=operator"
        return not live.kubectl("get", "pods", "-l", selector, "-o", "name").stdout.strip()

    scale(0)
    try:
        wait_until("the operator is gone", gone, 60)
        yield lambda: scale(1)
    finally:
        scale(1)
        live.kubectl("wait", "--for=condition=Available", OPERATOR, "--timeout=50s")


def test_a_config_of_the_image_is_found_by_its_path(live: Live, token: str) -> None:
    request = {"config_path": "optimizations/test_config.yaml", "dry_run": True}
    status, preview, _ = send(live, "POST", RUN, token, request)
    assert (status, preview["total"], preview["warnings"]) == (200, 6, [])
    assert preview["last"]["parameters"]["texts"] == {"rsi_period": "16", "entry_threshold": "30"}
    status, problem, _ = send(live, "POST", RUN, token, {"config_path": "optimizations/none.yaml"})
    assert (status, problem["errors"][0]["field"]) == (404, "config_path")


def test_a_batch_is_pending_until_the_operator_takes_it_and_runs_to_results(
    live: Live, token: str, without_operator: Any
) -> None:
    request = {"batch": noop(4), "name": "by-rest", "max_concurrent": 2}
    status, preview, _ = send(live, "POST", RUN, token, request | {"dry_run": True})
    assert (status, preview["total"], preview["last"]["parameters"]["values"]["value"]) == (200, 4, 4)
    status, made, headers = send(live, "POST", RUN, token, request)
    assert (status, made["is_new"], made["total"]) == (202, True, 4)
    assert live.batch("by-rest")["metadata"]["uid"] == made["batch_id"]
    assert live.get(headers["location"])["state"] == "pending"
    assert send(live, "POST", RUN, token, request)[1] == made | {"is_new": False}
    assert send(live, "POST", RUN, token, request | {"max_concurrent": 3})[0] == 409
    without_operator()
    finished = live.wait_finished("by-rest", 120)
    assert finished["status"]["progress"] == "4/4"
    found = live.get(headers["location"])
    assert (found["state"], found["max_concurrent"]) == ("complete", 2)
    assert len(live.get(f"{headers['location']}/results")["results"]) == 4
    # Kubernetes filled in its defaults and the operator wrote a status, and the catalog knows the strategy now: no warning.
    assert send(live, "POST", RUN, token, request)[1] == made | {"is_new": False, "warnings": []}
    assert send(live, "DELETE", headers["location"], token)[0] == 200
    assert not live.batch("by-rest")["spec"].get("cancel")
    live.delete("by-rest")


def test_delete_cancels_what_runs(live: Live, token: str) -> None:
    _, made, _ = send(live, "POST", RUN, token, {"batch": noop(200, 5.0)})
    path, name = made["status_url"], made["name"]
    wait_until("a backtest runs", lambda: live.get(path)["counts"]["active"] > 0, 90)
    assert send(live, "DELETE", path, token)[0] == 202
    live.wait_finished(name, 60)
    assert live.condition(name, "Failed")["reason"] == "Cancelled"
    assert live.get(path)["state"] == "cancelled"
    status, answer, _ = send(live, "DELETE", path, token)
    assert (status, answer["state"]) == (200, "cancelled")
    live.delete(name)


def test_without_the_token_nothing_is_written(live: Live, token: str) -> None:
    before = live.kubectl("get", "ob", "-o", "name").stdout
    for given in (None, f"{token}x"):
        status, _, headers = send(live, "POST", RUN, given, {"batch": noop(1)})
        assert (status, headers["www-authenticate"].split()[0]) == (401, "Bearer")
        assert send(live, "DELETE", "/api/optimization/batches/any", given)[0] == 401
    assert live.kubectl("get", "ob", "-o", "name").stdout == before
    log = live.kubectl("logs", "deployment/backfleet-api", "--tail=-1").stdout
    assert RUN in log
    assert token not in log


def test_the_api_may_do_no_more_than_that(live: Live) -> None:
    def may(verb: str, resource: str, *flags: str) -> str:
        account = f"--as=system:serviceaccount:{live.namespace}:backfleet-api"
        return live.kubectl("auth", "can-i", verb, resource, account, *flags, check=False).stdout.strip()

    assert {verb: may(verb, "ob") for verb in ("get", "list", "create", "patch")} == dict.fromkeys(
        ("get", "list", "create", "patch"), "yes"
    )
    forbidden = [("delete", "ob"), ("update", "ob"), ("patch", "ob", "--subresource=status"), ("get", "secrets")]
    assert [may(*each) for each in forbidden] == ["no"] * 4


def test_an_upgrade_keeps_the_token(live: Live, local: LocalBackfleet, token: str) -> None:
    install(local)
    assert read_token(live) == token

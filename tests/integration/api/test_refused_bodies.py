"""Bodies that are wrong, and callers that may not write: answered with what is wrong, and nothing is created."""

import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backfleet_api.logs import JsonFormatter
from tests.integration.api.conftest import Serve
from tests.integration.api.kubernetes import BATCHES, BEARER, RUN, SPEC, TOKEN, Written
from tests.integration.api.test_edges import assert_problem

DATA = SPEC["data"]
AXIS = SPEC["parameters"][0]


def axis(**changes: Any) -> dict[str, Any]:
    return {"batch": SPEC | {"parameters": [AXIS | changes]}}


def spec(**changes: Any) -> dict[str, Any]:
    return {"batch": SPEC | changes}


BAD = {
    "no batch": ({}, "batch"),
    "batch a text": ({"batch": "rsi-small"}, "batch"),
    "batch null": ({"batch": None}, "batch"),
    "unknown field": ({"batch": SPEC, "priority": 1}, "priority"),
    "unknown field of the spec": (spec(maxConcurent=2), "batch.maxConcurent"),
    "no strategy": ({"batch": {k: v for k, v in SPEC.items() if k != "strategy"}}, "batch.strategy"),
    "unknown engine": (spec(engine={"name": "excel"}), "batch.engine.name"),
    "lean without a project": (spec(engine={"name": "lean"}, strategy={"name": "X"}), "batch.strategy.leanProjectPath"),
    "project outside": (
        spec(strategy={"name": "X", "leanProjectPath": "a/../../b"}),
        "batch.strategy.leanProjectPath",
    ),
    "no parameters": (spec(parameters=[]), "batch.parameters"),
    "parameter twice": (spec(parameters=[AXIS, AXIS]), "batch.parameters[1].name"),
    "step zero": (axis(range={"start": 1, "end": 2, "step": 0}), "batch.parameters[0].range.step"),
    "range backwards": (axis(range={"start": 2, "end": 1, "step": 1}), "batch.parameters[0].range.end"),
    "range of half steps for an int": (
        axis(range={"start": 1, "end": 2, "step": 0.5}),
        "batch.parameters[0].range.step",
    ),
    "space too large": (axis(range={"start": 1, "end": 1_000_001, "step": 1}), "batch.parameters"),
    "dates backwards": (spec(data=DATA | {"endDate": "1999-01-01"}), "batch.data.endDate"),
    "no such day": (spec(data=DATA | {"endDate": "2001-02-30"}), "batch.data.endDate"),
    "symbol twice": (spec(data=DATA | {"symbols": ["A", "A"]}), "batch.data.symbols[1]"),
    "constraint of an unknown name": (spec(constraints=["speed > 1"]), "batch.constraints[0]"),
    "constraint that is code": (spec(constraints=["__import__('os')"]), "batch.constraints[0]"),
    "constraint that nothing meets": (spec(constraints=["rsi_period > 99"]), "batch.constraints"),
    "unknown metric": (spec(objective={"metric": "beauty"}), "batch.objective.metric"),
    "limit a text": (spec(maxConcurrent="four"), "batch.maxConcurrent"),
    "limit over 256": ({"batch": SPEC, "max_concurrent": 257}, "max_concurrent"),
    "limit zero": ({"batch": SPEC, "max_concurrent": 0}, "max_concurrent"),
    "limit true": ({"batch": SPEC, "max_concurrent": True}, "max_concurrent"),
    "name in capitals": ({"batch": SPEC, "name": "Rsi"}, "name"),
    "name with two dots": ({"batch": SPEC, "name": "a..b"}, "name"),
    "name too long": ({"batch": SPEC, "name": "a" * 254}, "name"),
    "name with a line break": ({"batch": SPEC, "name": "rsi\n"}, "name"),
    "namespace in capitals": ({"batch": SPEC, "namespace": "Lab"}, "namespace"),
    "namespace that is not watched": ({"batch": SPEC, "namespace": "elsewhere"}, "namespace"),
    "dry run a text": ({"batch": SPEC, "dry_run": "yes"}, "dry_run"),
    "huge integer": (axis(range={"start": 1, "end": 10**300, "step": 1}), "batch.parameters[0].range.end"),
}


@pytest.mark.parametrize(("body", "field"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("dry_run", [False, True], ids=["for real", "dry"])
def test_a_bad_body_is_refused_by_field_and_nothing_is_created(
    writing: Written, body: dict[str, Any], field: str, dry_run: bool
) -> None:
    response = writing.client.post(RUN, json={"dry_run": dry_run} | body, headers=BEARER)
    problem = assert_problem(response, 422)
    assert problem.errors[0].field == field
    assert problem.errors[0].problem in problem.detail
    assert writing.kubernetes.calls_of("POST", "") == []


DEEP = b'{"batch": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
RAW = {
    "nothing": (b"", "not JSON"),
    "half": (b'{"batch": {', "not JSON"),
    "not UTF-8": (b'{"batch": "\xff"}', "UTF-8"),
    "NaN": (b'{"batch": {"x": NaN}}', "NaN"),
    "Infinity": (b'{"batch": {"x": -Infinity}}', "Infinity"),
    "a number that overflows": (b'{"batch": {"x": 1e999}}', "1e999"),
    "a number of 5000 digits": (b'{"batch": {"x": ' + b"9" * 5000 + b"}}", "digits"),
    "a depth bomb of lists": (DEEP, "32 levels"),
    "a depth bomb of objects": (b'{"batch":' * 50_000, "32 levels"),
    "33 levels": (b'{"batch": ' + b"[" * 32 + b"]" * 32 + b"}", "32 levels"),
    "a repeated key": (b'{"batch": {}, "batch": {}}', "repeated"),
    "half a surrogate": (b'{"batch": {"x": "\\ud800"}}', "surrogate"),
    "half a surrogate as key": (b'{"batch": {"\\udfff": 1}}', "surrogate"),
}


@pytest.mark.parametrize(("content", "said"), RAW.values(), ids=RAW)
def test_what_is_no_strict_json_is_refused(writing: Written, content: bytes, said: str) -> None:
    response = writing.client.post(RUN, content=content, headers=BEARER | {"Content-Type": "application/json"})
    problem = assert_problem(response, 400)
    assert problem.errors[0].field == "body"
    assert said in problem.errors[0].problem
    assert writing.kubernetes.calls == []


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"text"'])
def test_json_that_is_no_object_is_refused(writing: Written, body: bytes) -> None:
    response = writing.client.post(RUN, content=body, headers=BEARER | {"Content-Type": "application/json"})
    assert assert_problem(response, 422).errors[0].field == "body"


@pytest.mark.parametrize("is_chunked", [False, True], ids=["said to be long", "chunked"])
def test_a_body_over_a_mebibyte_is_too_large(writing: Written, is_chunked: bool) -> None:
    headers = BEARER | {"Content-Type": "application/json"}
    body = json.dumps({"batch": SPEC}).encode()
    padded = body + b" " * (1024 * 1024 - len(body))
    assert writing.client.post(RUN, content=padded, headers=headers).status_code == 202
    longer = padded + b" "
    content: Any = iter([longer[:1000], longer[1000:]]) if is_chunked else longer
    problem = assert_problem(writing.client.post(RUN, content=content, headers=headers), 413)
    assert problem.errors[0].field == "body"
    assert len(writing.stored()) == 1


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_what_is_not_said_to_be_json_is_refused(writing: Written, kind: str | None) -> None:
    headers = BEARER | ({"Content-Type": kind} if kind else {})
    response = writing.client.post(RUN, content=json.dumps({"batch": SPEC}).encode(), headers=headers)
    assert "Content-Type: application/json" in assert_problem(response, 415).detail


def test_json_with_a_charset_is_json(writing: Written) -> None:
    headers = BEARER | {"Content-Type": "Application/JSON; charset=utf-8"}
    assert writing.client.post(RUN, content=json.dumps({"batch": SPEC}).encode(), headers=headers).status_code == 202


@pytest.mark.parametrize("key", ["short", "with a blank", "x" * 201])
def test_a_bad_idempotency_key_is_refused(writing: Written, key: str) -> None:
    (error,) = assert_problem(writing.run(headers={"Idempotency-Key": key}), 422).errors
    assert error.field.lower() == "idempotency-key"
    assert writing.stored() == []


def test_a_query_is_refused(writing: Written) -> None:
    response = writing.client.post(f"{RUN}?dry_run=true", json={"batch": SPEC}, headers=BEARER)
    assert assert_problem(response, 422).errors[0].field == "dry_run"
    assert writing.stored() == []


CREDENTIALS = {
    "none": None,
    "empty": "",
    "no scheme": TOKEN,
    "basic": f"Basic {TOKEN}",
    "no token": "Bearer",
    "an empty token": "Bearer ",
    "a prefix": f"Bearer {TOKEN[:-1]}",
    "longer": f"Bearer {TOKEN}x",
    "another case": f"Bearer {TOKEN.upper()}",
    "not ASCII": "Bearer a-tokén-of-these-tests",
}


@pytest.mark.parametrize("credentials", CREDENTIALS.values(), ids=CREDENTIALS)
@pytest.mark.parametrize("body", [{"batch": SPEC}, {"nonsense": 1}], ids=["good body", "bad body"])
def test_without_the_token_nothing_is_written(writing: Written, credentials: str | None, body: Any) -> None:
    headers: dict[bytes, bytes] = {} if credentials is None else {b"Authorization": credentials.encode("latin-1")}
    writing.kubernetes.objects.create("optimizationbatches", "backfleet", {"metadata": {"name": "x"}, "spec": {}})
    for response in (
        writing.client.post(RUN, json=body, headers=headers),
        writing.client.delete(f"{BATCHES}/x", headers=headers),
    ):
        assert_problem(response, 401)
        assert response.headers["www-authenticate"].startswith('Bearer realm="backfleet"')
        assert TOKEN not in response.text
    assert writing.kubernetes.calls == []


def test_a_wrong_token_is_told_from_none(writing: Written) -> None:
    response = writing.client.post(RUN, json={}, headers={"Authorization": "Bearer of-something-else"})
    assert response.headers["www-authenticate"] == 'Bearer realm="backfleet", error="invalid_token"'


def test_two_tokens_are_none(writing: Written) -> None:
    both = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer of-something-else")]
    assert_problem(writing.client.post(RUN, json={"batch": SPEC}, headers=both), 401)


def test_without_a_configured_token_writing_is_off_and_reading_is_not(serve: Serve) -> None:
    api = serve()
    for response in (api.post(RUN, json={"batch": SPEC}, headers=BEARER), api.delete(f"{BATCHES}/x", headers=BEARER)):
        assert "BACKFLEET_API_TOKEN" in assert_problem(response, 403).detail
    assert api.get(BATCHES).status_code == 200


def test_reading_needs_no_token(writing: Written) -> None:
    assert writing.client.get(BATCHES).status_code == 200


def test_the_token_is_in_no_log(writing: Written, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert writing.run().status_code == 202
        writing.client.post(RUN, json={}, headers={"Authorization": "Bearer of-something-else"})
    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert any('"path": "/api/optimization/run-parallel"' in line for line in lines)
    # Of our own loggers: the test's HTTP client is the caller, who knows it.
    ours = [line for line in lines if '"logger": "backfleet' in line]
    assert ours
    assert not any(TOKEN in line or "of-something-else" in line for line in lines)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([*SPEC, "constraints", "objective", "maxConcurrent", "failurePolicy", "resources", "cancel"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=FIELDS, value=JSON, more=st.dictionaries(st.text(max_size=10), JSON, max_size=1), name=JSON)
def test_no_body_is_a_server_error_and_what_is_refused_is_not_created(
    writing: Written, field: str, value: Any, more: dict[str, Any], name: Any
) -> None:
    before = len(writing.stored())
    body = {"batch": SPEC | {field: value}, "name": name, **more}
    response = writing.client.post(RUN, json=body, headers=BEARER)
    if response.status_code != 202:
        assert response.status_code in (409, 422), response.text
        assert all(error.field for error in assert_problem(response, response.status_code).errors)
        assert len(writing.stored()) == before

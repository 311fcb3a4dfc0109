"""The variables of a Job's containers as Kubernetes delivers them."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backfleet.controller.job_manifest import build_job
from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest
from backfleet.core.packs import Member, PackRequest
from backfleet.core.planning.effects import CreateJob
from backfleet.core.planning.sizes import pack_size
from backfleet.core.records import Counters
from backfleet.core.space.parameters import ListAxis, ParameterSpace, RangeAxis
from backfleet.core.space.scalars import ParameterType
from backfleet.engines.registry import ENGINES
from tests.support.jobs import UID, build_create, build_request
from tests.support.operator import build_settings
from tests.support.packs import pack_of
from tests.support.planning import build_draft
from tests.unit.controller.test_job_manifest import containers, pod


def expand(text: str, known: dict[str, str]) -> str:
    """Expand variables as Kubernetes does (third_party/forked/golang/expansion/expand.go)."""

    def put(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return known.get(found[1], found[0])

    return re.sub(r"\$\$|\$\(([^)]*)\)", put, text)


def delivered(create: CreateJob, container: int) -> dict[str, str]:
    """Return the variables as a container of the pod sees them."""
    known: dict[str, str] = {}
    for entry in list(containers(pod(create)))[container]["env"]:
        if "value" in entry:
            known[entry["name"]] = expand(entry["value"], known)
    return known


def delivered_pack(request: BacktestRequest, container: int) -> PackRequest:
    return PackRequest.from_json(delivered(build_create(request), container)[wire.ENV_PACK])


@pytest.mark.parametrize(
    "value", ["$(HOME)", "$$(HOME)", "$$$(HOME)", "$", "$$", "$$$", "a$", "$(", "$()", "US$5", "${HOME}", "$(NONE)"]
)
@pytest.mark.parametrize("container", [pytest.param(0, id="engine"), pytest.param(1, id="recorder")])
def test_a_parameter_arrives_as_it_was_written(value: str, container: int) -> None:
    request = build_request(value=value)
    assert delivered_pack(request, container) == pack_of(request, UID)


@given(st.text(st.sampled_from("$()HOMEa{}"), max_size=12))
def test_any_parameter_arrives_as_it_was_written(value: str) -> None:
    request = build_request(value=value)
    assert delivered_pack(request, 0) == pack_of(request, UID)


def test_nothing_in_the_shim_is_a_variable_of_the_pod() -> None:
    for entry in containers(pod()):
        known = {each["name"]: "EXPANDED" for each in entry["env"]}
        assert [expand(word, known) for word in entry["command"]] == entry["command"]


# packs of the largest size

LARGEST_PACK = 1_000
MAX_VARIABLE = 96 * 1024
MAX_JOB = 128 * 1024


@pytest.mark.parametrize("engine", ["bars", "noop", "lean"])
@pytest.mark.parametrize("is_consecutive", [True, False], ids=["in a row", "scattered"])
def test_a_pack_of_a_thousand_ordinary_backtests_fits_the_limits(engine: str, is_consecutive: bool) -> None:
    names = ("fast_period", "slow_period", "stop_loss_pct")
    axes = [RangeAxis(name=name, type=ParameterType.INT, start=Decimal(5), step=Decimal(1), count=40) for name in names]
    space = ParameterSpace(tuple(axes))
    step = 1 if is_consecutive else 3
    members = tuple(
        Member(index=index, number=1 + index % 2 * (not is_consecutive), parameter_texts=space.combination(index).texts)
        for index in range(0, LARGEST_PACK * step, step)
    )
    common = replace(build_request(engine), parameter_texts={})
    pack = PackRequest(batch_uid=UID, common=common, members=members, space=space)
    job = build_job(replace(build_create(), request=pack), ENGINES[engine], build_settings())
    pod = job["spec"]["template"]["spec"]
    values = [each.get("value", "") for container in containers(pod) for each in container["env"]]
    assert max(len(value.encode()) for value in values) <= MAX_VARIABLE
    assert len(json.dumps(job, separators=(",", ":")).encode()) <= MAX_JOB
    (recorder,) = pod["containers"]
    sent = {each["name"]: each.get("value", "") for each in recorder["env"]}[wire.ENV_PACK]
    assert PackRequest.from_json(sent.replace("$$", "$")) == pack


LONG = [f"{n:02}" + "\"'$x" * 49 for n in range(40)]
TEXTS = st.text(st.sampled_from("abc\"\\$'é😀 "), min_size=1, max_size=200)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.lists(TEXTS, min_size=1, max_size=40, unique=True), min_size=1, max_size=12),
    st.sampled_from(["bars", "noop", "lean"]),
    st.booleans(),
)
@example(lists=[LONG] * 12, engine="lean", is_scattered=True)
@example(lists=[LONG] * 12, engine="bars", is_scattered=False)
def test_no_job_and_no_variable_is_too_large_whatever_its_parameters(
    lists: list[list[str]], engine: str, is_scattered: bool
) -> None:
    axes = tuple(
        ListAxis(name=f"parameter_{n}", type=ParameterType.STRING, values=tuple(values))
        for n, values in enumerate(lists)
    )
    space = ParameterSpace(axes)
    draft = build_draft(spec={"backtestsPerJob": LARGEST_PACK}, counters=Counters(succeeded=1))
    work = replace(draft.work, space=space)
    size = pack_size(replace(draft, accepted=replace(draft.accepted, work=work)))
    indexes = range(0, space.total, 2 if is_scattered else 1)[-size:]
    members = tuple(Member(index=each, number=12, parameter_texts=space.combination(each).texts) for each in indexes)
    common = replace(build_request(engine), parameter_texts={})
    pack = PackRequest(batch_uid=UID, common=common, members=members, space=space)
    job = build_job(replace(build_create(), request=pack), ENGINES[engine], build_settings())
    values = [each.get("value", "") for container in containers(pod_of(job)) for each in container["env"]]
    assert max(len(value.replace("$$", "$").encode()) for value in values) <= MAX_VARIABLE
    assert len(json.dumps(job, separators=(",", ":"), ensure_ascii=False).encode()) <= MAX_JOB


def pod_of(job: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec

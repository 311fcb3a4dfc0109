"""The variables of a Job's containers as Kubernetes delivers them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest
from backfleet.core.packs import PackRequest
from backfleet.core.planning.effects import CreateJob
from tests.support.jobs import UID, build_create, build_request
from tests.support.packs import pack_of
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

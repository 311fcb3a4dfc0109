"""What `helm test` runs: a restricted pod with the three rights that it needs, and gone afterwards."""

import ast
from typing import Any

import pytest

from backfleet.core.spec.model import BatchSpec
from hack.helm.chart import CHART, render_objects
from tests.support.chart import find_object

PROGRAM = (CHART / "files" / "release-test.py").read_text()
NAME = "demo-backfleet-test"


def hooks(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in render_objects(values) if "helm.sh/hook" in (each["metadata"].get("annotations") or {})]


def pod(values: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = find_object(hooks(values), "Pod", NAME)["spec"]
    return spec


def test_everything_of_it_is_a_hook_that_goes_when_it_passed():
    found = {each["kind"]: each["metadata"] for each in hooks({})}
    assert set(found) == {"ServiceAccount", "Role", "RoleBinding", "Pod"}
    assert {each["name"] for each in found.values()} == {NAME}
    assert {each["annotations"]["helm.sh/hook"] for each in found.values()} == {"test"}
    policies = {each["annotations"]["helm.sh/hook-delete-policy"] for each in found.values()}
    assert policies == {"before-hook-creation,hook-succeeded"}
    weights = {kind: int(each["annotations"].get("helm.sh/hook-weight", 0)) for kind, each in found.items()}
    assert all(weights["Pod"] > weight for kind, weight in weights.items() if kind != "Pod")


def test_it_may_make_see_and_delete_batches_and_nothing_else():
    assert find_object(hooks({}), "Role", NAME)["rules"] == [
        {"apiGroups": ["backfleet.io"], "resources": ["optimizationbatches"], "verbs": ["create", "get", "delete"]}
    ]


def test_its_pod_is_restricted_bounded_and_runs_the_program():
    spec = pod({})
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (spec["restartPolicy"], spec["activeDeadlineSeconds"]) == ("Never", 300)
    assert set(container["resources"]) == {"requests", "limits"}
    assert (container["command"], container["args"]) == (["python3", "-c"], [PROGRAM])


def test_it_waits_less_than_its_pod_may_live():
    variables = {each["name"]: each["value"] for each in pod({})["containers"][0]["env"]}
    assert int(variables["BACKFLEET_TEST_SECONDS"]) < pod({})["activeDeadlineSeconds"]


def test_it_asks_the_api_where_there_is_one():
    def url(values: dict[str, Any]) -> str | None:
        variables = {each["name"]: each["value"] for each in pod(values)["containers"][0]["env"]}
        return variables.get("BACKFLEET_TEST_API_URL")

    assert url({"api": {"service": {"port": 80}}}) == "http://demo-backfleet-api.prod.svc:80"
    assert url({"api": {"enabled": False}}) is None


def test_without_the_engine_that_it_uses_there_is_no_test():
    assert hooks({"engines": {"bars": None, "noop": {}}}) == []


def test_its_batch_is_a_valid_spec_of_two_combinations():
    assigned = (each for each in ast.parse(PROGRAM).body if isinstance(each, ast.Assign))
    batch = next(ast.literal_eval(each.value) for each in assigned if getattr(each.targets[0], "id", "") == "BATCH")
    spec = BatchSpec.model_validate(batch["spec"])
    assert spec.engine.name == "bars"
    assert batch["spec"]["parameters"][0]["range"] == {"start": 14, "end": 15, "step": 1}


@pytest.mark.parametrize("name", ["kubernetes"])
def test_it_needs_no_package_that_the_image_lacks(name: str):
    imported = {
        (each.module if isinstance(each, ast.ImportFrom) else each.names[0].name)
        for each in ast.walk(ast.parse(PROGRAM))
        if isinstance(each, ast.Import | ast.ImportFrom)
    }
    assert {str(each).split(".")[0] for each in imported} - {"json", "os", "sys", "time", "urllib"} == {name}

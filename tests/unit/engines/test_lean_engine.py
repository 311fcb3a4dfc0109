"""The engine `lean` as the operator sees it: container, volumes, security."""

import json
from dataclasses import replace
from typing import Any

import pytest

from backfleet.controller.job_manifest import build_job
from backfleet.core.planning.effects import ClaimRef
from backfleet.engines import shim
from backfleet.engines.bars.engine import BarsEngine
from backfleet.engines.lean.configuration import build_config, build_configuration
from backfleet.engines.lean.data_folder import prepared
from backfleet.engines.lean.engine import DONE_TEXT, LeanEngine
from backfleet.engines.protocol import EngineContainer, EngineSettings, VolumeMount
from backfleet.settings import Settings
from tests.support.jobs import build_create, build_request
from tests.support.lean import config_of, text_of
from tests.support.operator import build_settings
from tests.support.packs import pack_of

REQUEST = build_request("lean")
PROJECTS = VolumeMount(name="projects", mount_path="/strategies", source={"configMap": {"name": "p"}})
DATA = VolumeMount(name="data", mount_path="/market", source={"configMap": {"name": "d"}})


def test_the_container_runs_the_images_launcher_with_our_configuration() -> None:
    container = LeanEngine().container(pack_of(REQUEST), EngineSettings(image="lean:1", environment={"A": "1"}))
    configuration = build_configuration(REQUEST, projects_folder="/projects", data_folder="/Lean/Data")
    assert container == EngineContainer(
        image="lean:1",
        command=prepared(
            "/Lean/Data", ("dotnet", "QuantConnect.Lean.Launcher.dll", "--config", "/tmp/lean-config.json")
        ),
        working_folder="/Lean/Launcher/bin/Debug",
        environment={
            "DOTNET_gcServer": "0",
            "DOTNET_TieredPGO": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "A": "1",
            "BACKFLEET_KEPT_FILE": "/Lean/Data/alternative/interest-rate/usa/interest-rate.csv",
            "BACKFLEET_NEEDED_FILE": "/projects/STR-000_Noop/main.py",
            "BACKFLEET_DONE_FILE": "log.txt",
            "BACKFLEET_DONE_TEXT": DONE_TEXT,
        },
        config=build_config(pack_of(REQUEST), configuration),
    )


def test_the_installations_environment_wins() -> None:
    settings = EngineSettings(image="lean:1", environment={"DOTNET_gcServer": "1", "DOTNET_TieredPGO": "1"})
    environment = LeanEngine().container(pack_of(REQUEST), settings).environment
    assert (environment["DOTNET_gcServer"], environment["DOTNET_TieredPGO"]) == ("1", "1")


def test_projects_and_data_are_read_where_their_volumes_are() -> None:
    container = LeanEngine().container(pack_of(REQUEST), EngineSettings(image="lean:1", mounts=(PROJECTS, DATA)))
    assert container.config is not None
    body = json.loads(text_of(container.config))
    assert body["algorithm-location"] == "/strategies/STR-000_Noop/main.py"
    assert body["data-folder"] == "/market"
    assert container.mounts == (PROJECTS, DATA)


def test_any_project_may_run() -> None:
    assert LeanEngine().strategies() is None


def mount(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "mountPath": path, "source": {"configMap": {"name": name}}}


def engine_of(settings: Settings, **shape: Any) -> dict[str, Any]:
    spec = build_job(build_create(REQUEST, **shape), LeanEngine(), settings)["spec"]["template"]["spec"]
    engine: dict[str, Any] = spec["initContainers"][0]
    return engine


def configuration_of(engine: dict[str, Any]) -> dict[str, Any]:
    env = {entry["name"]: entry["value"] for entry in engine["env"]}
    body: dict[str, Any] = json.loads(text_of(config_of(env)))
    return body


@pytest.mark.parametrize("kind", ["installation", "batch"])
def test_a_volume_of_the_installation_gives_way_to_the_batches_claim(kind: str) -> None:
    lean = {"image": "lean:1", "mounts": [mount("projects", "/strategies"), mount("data", "/market")]}
    claims = {"data_volume": ClaimRef(claim_name="d"), "projects_volume": ClaimRef(claim_name="p", sub_path="mine")}
    engine = engine_of(build_settings(engines={"lean": lean}), **(claims if kind == "batch" else {}))
    body = configuration_of(engine)
    projects, data = ("/projects", "/data") if kind == "batch" else ("/strategies", "/market")
    assert body["algorithm-location"] == f"{projects}/STR-000_Noop/main.py"
    assert body["data-folder"] == data
    mounts = {each["mountPath"]: each for each in engine["volumeMounts"]}
    assert set(mounts) == {"/results", "/tmp", projects, data}
    assert mounts[projects]["readOnly"] is mounts[data]["readOnly"] is True
    assert mounts[projects].get("subPath") == ("mine" if kind == "batch" else None)


CLAIM = {"persistentVolumeClaim": {"claimName": "all", "readOnly": True}}


@pytest.mark.parametrize("of", ["batch", "installation"])
def test_projects_and_data_of_one_claim_are_one_volume(of: str) -> None:
    """Two volumes of one claim keep a pod from starting for ever."""
    claims = {n: ClaimRef(claim_name="all", sub_path=s) for n, s in (("projects_volume", "p"), ("data_volume", "d"))}
    mounts = [{**mount("projects", "/projects"), "subPath": "p"}, {**mount("data", "/data"), "subPath": "d"}]
    lean = {"image": "lean:1", "mounts": [{**each, "source": CLAIM} for each in mounts]}
    settings = build_settings(**({"engines": {"lean": lean}} if of == "installation" else {}))
    job = build_job(build_create(REQUEST, **(claims if of == "batch" else {})), LeanEngine(), settings)
    pod = job["spec"]["template"]["spec"]
    (volume,) = [each for each in pod["volumes"] if "persistentVolumeClaim" in each]
    assert volume == {"name": volume["name"], **CLAIM}
    found = {each["mountPath"]: each for each in pod["initContainers"][0]["volumeMounts"] if each.get("readOnly")}
    assert {path: (each["name"], each["subPath"]) for path, each in found.items()} == {
        "/projects": (volume["name"], "p"),
        "/data": (volume["name"], "d"),
    }


def test_the_shim_runs_it_in_the_launchers_folder() -> None:
    engine = engine_of(build_settings())
    assert engine["workingDir"] == "/Lean/Launcher/bin/Debug"
    launcher = ("dotnet", "QuantConnect.Lean.Launcher.dll", "--config", "/tmp/lean-config.json")
    assert engine["command"] == shim.command(prepared("/Lean/Data", launcher))


def test_further_writable_folders_are_empty_volumes() -> None:
    lean = {"image": "lean:1", "writablePaths": ["/root", "/Lean/Launcher/bin/Debug/cache"]}
    spec = build_job(build_create(REQUEST), LeanEngine(), build_settings(engines={"lean": lean}))
    pod = spec["spec"]["template"]["spec"]
    writable = [each for each in pod["initContainers"][0]["volumeMounts"] if not each.get("readOnly")]
    assert [each["mountPath"] for each in writable] == ["/results", "/tmp", *lean["writablePaths"]]
    names = {each["name"] for each in pod["volumes"] if "emptyDir" in each}
    assert {each["name"] for each in writable} == names
    assert not any("writable" in each["name"] for each in pod["containers"][0]["volumeMounts"])
    emptied = next(
        each["value"] for each in pod["initContainers"][0]["env"] if each["name"] == "BACKFLEET_SCRATCH_PATHS"
    )
    assert emptied.split("\n") == ["/tmp", "/dev/shm", *lean["writablePaths"]]


def test_bars_reads_the_same_volume_as_lean() -> None:
    request = replace(REQUEST, engine="bars")
    container = BarsEngine().container(pack_of(request), EngineSettings(image="b:1", mounts=(DATA,)))
    assert container.environment["BACKFLEET_DATA_FOLDER"] == "/market"
    own = EngineSettings(image="b:1", mounts=(DATA,), environment={"BACKFLEET_DATA_FOLDER": "/market/lean"})
    assert BarsEngine().container(pack_of(request), own).environment["BACKFLEET_DATA_FOLDER"] == "/market/lean"
    bars = {"image": "b:1", "mounts": [mount("data", "/market")], "environment": {"BACKFLEET_DATA_FOLDER": "/market/x"}}
    create = build_create(request, data_volume=ClaimRef(claim_name="d"))
    job = build_job(create, BarsEngine(), build_settings(engines={"bars": bars}))
    env = {e["name"]: e["value"] for e in job["spec"]["template"]["spec"]["initContainers"][0]["env"]}
    assert env["BACKFLEET_DATA_FOLDER"] == "/data", "the batch's claim counts, whatever the installation set"

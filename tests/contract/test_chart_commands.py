"""`python hack/helm` from a person's side: what needs no cluster."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.helm.progress import phrase, runs

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "hack" / "helm"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_template_prints_objects_by_files_and_words_the_later_winning(tmp_path: Path):
    file = tmp_path / "values.yaml"
    file.write_text("api: {replicas: 3, service: {port: 80}}\n")
    done = run("template", "mine", "-n", "lab", "-f", str(file), "--set", "api.replicas=2")
    assert done.returncode == 0, done.stderr
    objects = [each for each in yaml.safe_load_all(done.stdout) if each]
    api = {each["kind"]: each for each in objects if each["metadata"]["name"] == "mine-backfleet-api"}
    assert (api["Deployment"]["spec"]["replicas"], api["Service"]["spec"]["ports"][0]["port"]) == (2, 80)


def test_a_bad_value_is_one_line_that_names_it_and_exit_code_1():
    done = run("template", "--set", "api.replicas=many")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/api/replicas" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_values_file_that_is_not_there_is_said_without_a_traceback():
    done = run("lint", "-f", "/no/such/file")
    assert done.returncode == 1
    assert "/no/such/file" in done.stderr
    assert "Traceback" not in done.stderr


def test_lint_passes():
    assert run("lint").returncode == 0


def test_a_cluster_that_is_not_there_is_an_error_within_the_deadline(tmp_path: Path):
    kubeconfig = tmp_path / "kubeconfig"
    cluster = {"server": "https://127.0.0.1:9"}
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "none", "cluster": cluster}],
                "users": [{"name": "none", "user": {}}],
                "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
                "current-context": "none",
            }
        )
    )
    done = run("install", "demo", "--kubeconfig", str(kubeconfig), "--wait", "5")
    assert done.returncode == 1
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def pod(
    *, containers: dict[str, Any] | None = None, init: dict[str, Any] | None = None, **status: Any
) -> dict[str, Any]:
    def statuses(states: dict[str, Any] | None) -> list[dict[str, Any]]:
        return [{"name": name, "state": state, "ready": False} for name, state in (states or {}).items()]

    found = {"initContainerStatuses": statuses(init), "containerStatuses": statuses(containers), **status}
    return {"metadata": {"name": "demo-0"}, "status": found}


BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
STARTS = {"waiting": {"reason": "PodInitializing"}}
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param(pod(phase="Pending"), "Pending", id="nothing known yet"),
        pytest.param(pod(phase="Pending", conditions=[UNSCHEDULABLE]), "0/1 nodes", id="no room on a node"),
        pytest.param(
            pod(init={"migrate": {"running": {}}}, containers={"operator": STARTS}),
            "migrate is running",
            id="migrating",
        ),
        pytest.param(pod(containers={"api": BACK_OFF}), "api is waiting: CrashLoopBackOff back-off 10s", id="crashing"),
        pytest.param(
            pod(containers={"api": {"running": {}}}, conditions=[{"type": "Ready", "status": "True"}]),
            "ready",
            id="ready",
        ),
    ],
)
def test_progress_shows_first_what_blocks_a_pod(seen: dict[str, Any], said: str):
    assert phrase(seen) == said


def test_a_pod_that_is_leaving_counts_while_a_container_runs():
    leaving = {"name": "demo-0", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    running, ended = pod(containers={"api": {"running": {}}}), pod(containers={"api": {"terminated": {}}})
    assert runs({**running, "metadata": leaving})
    assert not runs({**ended, "metadata": leaving})
    assert runs(ended)

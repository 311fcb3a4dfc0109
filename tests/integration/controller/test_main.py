"""The operator's whole process: kopf, the loop and the probes, over a fake API server and a real Postgres."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backfleet.controller.cluster import RULES
from backfleet.core import wire
from tests.support.launcher import NAMESPACE, SETTINGS, SOON_SECONDS, Launcher, said, watched
from tests.support.operator import values
from tests.support.processes import PROGRAM, START_SECONDS, program_environment, wait_for
from tests.world.api_server import TOKEN, ApiServer
from tests.world.faults import Fault


def test_it_starts_watches_works_and_ends(launcher: Launcher, api: ApiServer) -> None:
    operator = launcher.start()
    operator.wait_until_ready()
    wait_for("the watches", lambda: watched(api) == {wire.PLURAL, "jobs", "pods"}, SOON_SECONDS)
    launcher.add_batch()
    (job,) = wait_for("a Job after a watch event", launcher.jobs, SOON_SECONDS)
    wait_for("its status", lambda: launcher.progress() == "0/6", SOON_SECONDS)

    launcher.record(job)
    wait_for("an outcome that Postgres announced", lambda: launcher.progress() == "1/6", SOON_SECONDS)

    before = len(api.calls_of("GET", "/pods"))
    api.objects.set_status("jobs", NAMESPACE, job["metadata"]["name"], {"active": 1})
    wait_for("a pass after a Job's event", lambda: len(api.calls_of("GET", "/pods")) > before, SOON_SECONDS)

    assert operator.ready()[0] == 200
    assert operator.terminate(SOON_SECONDS) == 0
    assert {line["level"] for line in operator.log()} == {"info"}
    assert not any("error" in line for line in operator.log())
    assert operator.log()[-1]["message"] == "operator stopped"

    allowed = {(group, resource, verb) for group, resource, verbs in RULES for verb in verbs}
    assert api.rules() <= allowed, "kopf and the loop ask for no more than their Role"
    assert api.rules() >= {(wire.GROUP, wire.PLURAL, "watch"), ("batch", "jobs", "watch"), ("", "pods", "watch")}
    lists = [call for call in api.calls_of("GET", "/jobs") if call.path.endswith("/jobs")]
    selectors = {
        call.query.get("labelSelector") for call in lists if "PartialObjectMetadata" not in call.headers["accept"]
    }
    assert selectors == {wire.UNSETTLED_SELECTOR}
    assert {call.headers.get("authorization") for call in api.calls} == {f"Bearer {TOKEN}"}


def test_a_pod_that_ends_wakes_the_loop_at_once_and_a_settled_job_leaves_every_watch(
    launcher: Launcher, api: ApiServer
) -> None:
    launcher.start().wait_until_ready()
    wait_for("the watches", lambda: watched(api) == {wire.PLURAL, "jobs", "pods"}, SOON_SECONDS)
    launcher.add_batch(parameters=values(1))
    (job,) = wait_for("a Job after a watch event", launcher.jobs, SOON_SECONDS)
    name = job["metadata"]["name"]
    template = job["spec"]["template"]["metadata"]
    meta = {
        "name": f"{name}-x",
        "labels": template["labels"] | {"job-name": name},
        "annotations": template["annotations"],
        "ownerReferences": [{"kind": "Job", "name": name, "uid": job["metadata"]["uid"], "controller": True}],
    }
    engine = {"name": "engine", "state": {"running": {"startedAt": "2026-01-05T09:00:00Z"}}}
    api.objects.create(
        "pods", NAMESPACE, {"metadata": meta, "status": {"phase": "Pending", "initContainerStatuses": [engine]}}
    )
    wait_for("no more passes", lambda: no_calls_for(api, 3.0), 4 * SOON_SECONDS)

    before = len(api.calls_of("GET", f"/{wire.PLURAL}"))
    api.objects.set_status("pods", NAMESPACE, f"{name}-x", {"phase": "Succeeded"})
    wait_for("a pass after the pod's end", lambda: len(api.calls_of("GET", f"/{wire.PLURAL}")) > before, SOON_SECONDS)

    launcher.record(job)
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    ended = {"type": "Complete", "status": "True", "lastTransitionTime": now}
    api.objects.set_status("jobs", NAMESPACE, name, {"conditions": [ended]})
    wait_for("the label", lambda: is_labelled(api, name), SOON_SECONDS)
    wait_for("no more passes", lambda: no_calls_for(api, 3.0), 4 * SOON_SECONDS)


def is_labelled(api: ApiServer, name: str) -> bool:
    return wire.LABEL_SETTLED in api.objects.get("jobs", NAMESPACE, name)["metadata"]["labels"]


def no_calls_for(api: ApiServer, seconds: float) -> bool:
    """Return whether nothing was asked of the API server for that long."""
    before = len(api.calls)
    time.sleep(seconds)
    return len(api.calls) == before


def test_edited_criteria_of_a_finished_batch_judge_its_result_again(launcher: Launcher, api: ApiServer) -> None:
    def shown(kind: str) -> tuple[str | None, int | None, int | None]:
        status = api.objects.get(wire.PLURAL, NAMESPACE, "demo").get("status", {})
        found: dict[str, Any] = next((each for each in status.get("conditions", []) if each["type"] == kind), {})
        return found.get("status"), found.get("observedGeneration"), status.get("passed")

    operator = launcher.start()
    operator.wait_until_ready()
    launcher.add_batch(parameters=values(1))
    (job,) = wait_for("a Job", launcher.jobs, SOON_SECONDS)
    launcher.record(job)
    wait_for("the batch's end", lambda: shown("Finished") == ("True", 1, 1), SOON_SECONDS)

    api.objects.merge(wire.PLURAL, NAMESPACE, "demo", {"spec": {"successCriteria": {"minSharpe": 3}}})
    wait_for("the new verdict", lambda: shown("VerdictsCurrent") == ("True", 2, 0), SOON_SECONDS)
    assert shown("Finished") == ("True", 2, 0)
    assert shown("SpecDrift") == (None, None, 0)
    assert launcher.jobs() == [job]
    reasons = [item["reason"] for key, item in api.objects.stored.items() if key[0] == "events"]
    assert [reason for reason in reasons if reason in ("CriteriaChanged", "Rejudged")] == [
        "CriteriaChanged",
        "Rejudged",
    ]
    assert operator.terminate(SOON_SECONDS) == 0


def test_a_second_one_stands_by_and_takes_over_from_one_that_was_killed(launcher: Launcher) -> None:
    first = launcher.start()
    first.wait_until_ready()
    second = launcher.start()
    wait_for("an answer of the second", lambda: "standing by" in str(second.ready()[1].get("problem")), START_SECONDS)
    status, facts = second.ready()
    assert (status, facts["holdsFence"]) == (503, False)
    launcher.add_batch()
    wait_for("a Job of the first", launcher.jobs, SOON_SECONDS)
    first.kill()
    second.wait_until_ready(SOON_SECONDS)
    (job,) = launcher.jobs()
    launcher.record(job)
    wait_for("the second one's work", lambda: launcher.progress() == "1/6", SOON_SECONDS)
    assert second.terminate(SOON_SECONDS) == 0


@pytest.mark.parametrize("code", [403, 404])
def test_a_namespace_that_is_refused_is_reported_as_left_out_and_served_once_it_answers(
    launcher: Launcher, api: ApiServer, code: int
) -> None:
    refusal = Fault("/namespaces/team/", code=code, message="no such right", times=10**6)
    api.faults.append(refusal)
    operator = launcher.start(namespaces=[NAMESPACE, "team"], tickSeconds=2)
    operator.wait_until_ready()
    launcher.add_batch(maxConcurrent=1)
    launcher.add_batch(namespace="team")
    (job,) = wait_for("a Job where it may be", launcher.jobs, SOON_SECONDS)
    launcher.record(job)
    wait_for("its outcome", lambda: launcher.progress() == "1/6", SOON_SECONDS)
    status, facts = operator.ready()
    assert (status, list(facts["namespacesLeftOut"])) == (200, ["team"])
    assert "no such right" in facts["namespacesLeftOut"]["team"]
    assert "backfleet_namespaces_left_out 1.0" in operator.metrics()
    lines = [line for line in operator.log() if line["message"].startswith("namespace left out")]
    assert [line["namespace"] for line in lines] == ["team"], "once, not in every pass"
    assert launcher.jobs("team") == []

    api.faults.remove(refusal)
    wait_for("a Job in the other namespace", lambda: launcher.jobs("team"), SOON_SECONDS)
    wait_for("nothing left out", lambda: operator.ready()[1]["namespacesLeftOut"] == {}, SOON_SECONDS)
    assert "backfleet_namespaces_left_out 0.0" in operator.metrics()
    assert operator.terminate(SOON_SECONDS) == 0


def test_a_definition_that_goes_and_comes_back_is_watched_again(launcher: Launcher, api: ApiServer) -> None:
    refusal = Fault(f"/{wire.PLURAL}", code=404, message="not served", times=10**6)
    api.faults.append(refusal)
    operator = launcher.start()
    wait_for("its problem", lambda: "not served" in str(operator.ready()[1].get("problem")), START_SECONDS)
    wait_for("the end of kopf", lambda: said(operator, "cannot watch events"), SOON_SECONDS)
    api.faults.remove(refusal)
    wait_for("the watches", lambda: watched(api) == {wire.PLURAL, "jobs", "pods"}, 2 * SOON_SECONDS)
    launcher.add_batch()
    wait_for("a Job after a watch event", launcher.jobs, SOON_SECONDS)
    assert operator.terminate(SOON_SECONDS) == 0


def test_it_lives_on_and_ends_at_once_while_events_are_not_followed(launcher: Launcher, api: ApiServer) -> None:
    api.faults.append(Fault(f"/{wire.PLURAL}", code=404, message="not served", times=10**6))
    operator = launcher.start()
    # Longer than kopf would wait, by itself, with killing a process that has begun to end.
    wait_for("three ends of kopf", lambda: said(operator, "cannot watch events") >= 3, 4 * START_SECONDS)
    assert operator.terminate(SOON_SECONDS) == 0
    assert operator.log()[-1]["message"] == "operator stopped"


def test_events_are_followed_again_though_watches_had_no_answer_when_kopf_ended(
    launcher: Launcher, api: ApiServer
) -> None:
    refusal = Fault(f"/{wire.PLURAL}", code=404, message="not served", times=10**6)
    silence = [Fault(f"/{kind}", kind="hang", verb="watch", times=10**6) for kind in ("jobs", "pods")]
    api.faults += [refusal, *silence]
    operator = launcher.start()
    # kopf's own end is clean the first time.
    wait_for("three ends of kopf", lambda: said(operator, "cannot watch events") >= 3, 4 * START_SECONDS)
    for fault in (refusal, *silence):
        api.faults.remove(fault)
    launcher.add_batch()
    wait_for("a Job after a watch event", launcher.jobs, 2 * SOON_SECONDS)
    assert operator.terminate(SOON_SECONDS) == 0


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_kopf_is_ending_is_heard(launcher: Launcher, api: ApiServer, sign: signal.Signals) -> None:
    api.faults.append(Fault(f"/{wire.PLURAL}", code=404, message="not served", times=10**6))
    operator = launcher.start()
    wait_for("a watch that failed", lambda: said(operator, "Watcher for"), START_SECONDS)
    operator.process.send_signal(sign)
    assert operator.process.wait(SOON_SECONDS) == 0


def run_to_its_end(**variables: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=program_environment(**variables),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        pytest.param({"BACKFLEET_SETTINGS_FILE": ""}, "BACKFLEET_SETTINGS_FILE: expected the path", id="no settings"),
        pytest.param(
            {"BACKFLEET_DATABASE_URL": ""},
            "BACKFLEET_DATABASE_URL: expected the operator's Postgres URL",
            id="no database",
        ),
        pytest.param({"BACKFLEET_DATABASE_URL": "mysql://db/x"}, "database", id="another database"),
        pytest.param({"KUBECONFIG": os.devnull}, "KUBECONFIG: ", id="no kubeconfig"),
        pytest.param(
            {"settings": {"engines": {"zipline": {"image": "i"}}}},
            "zipline is not an engine of this version",
            id="no such engine",
        ),
        pytest.param({"settings": {"maxConcurrent": -1}}, "maxConcurrent: ", id="a bad value"),
    ],
)
def test_wrong_settings_end_it_with_code_2_and_a_name(
    api: ApiServer, tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps(SETTINGS | changes.pop("settings", {})))
    given = {
        "BACKFLEET_SETTINGS_FILE": str(settings),
        "BACKFLEET_DATABASE_URL": "postgresql://operator@127.0.0.1:1/backfleet",
        "KUBECONFIG": str(api.write_kubeconfig(tmp_path / "kubeconfig")),
    }
    code, log = run_to_its_end(**given | changes)
    assert code == 2, log
    assert named in log
    assert "Traceback" not in log
    assert len(log.splitlines()) == 1
    assert api.calls == []

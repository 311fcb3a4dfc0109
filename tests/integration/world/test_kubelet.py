"""What the fake kubelet makes of pods: the statuses that the operator reads, and the outcomes in Postgres."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from backfleet.controller.job_manifest import build_job
from backfleet.controller.kubernetes_objects import parse_job, parse_pod
from backfleet.core.planning.job_failures import classify_failure
from backfleet.core.planning.observation import SeenPod
from backfleet.engines.registry import ENGINES
from tests.support.jobs import build_create, build_pack
from tests.support.observer import wait_until
from tests.support.operator import build_settings
from tests.world.api_server import ApiServer
from tests.world.control_plane import ControlPlane
from tests.world.fates import OF_POD, Fate, Plan
from tests.world.faults import Fault
from tests.world.job_controller import condition_of
from tests.world.kinds import Json
from tests.world.kube_client import KubeClient
from tests.world.kubelet import Kubelet
from tests.world.kubernetes_world import KubernetesWorld
from tests.world.node_objects import TOLERATION
from tests.world.recording import Ending

NAMESPACE = "research"
SETTINGS = build_settings(
    pods={"tolerations": [TOLERATION]}, recorder={"image": "i", "secretName": "s", "patienceSeconds": 60}
)
FAST: dict[str, Any] = {"start_seconds": (2.0, 2.0), "run_seconds": (10.0, 10.0)}


@dataclass
class Notes:
    """Stands in for the recorder, and keeps what it was asked for."""

    exit_code: int = 0
    asked: int = 0

    def record(self, pod: Json, fate: Fate, runs: Any) -> Ending:
        self.asked += 1
        return Ending(self.exit_code, "its last word")


@dataclass
class SlowNotes(Notes):
    """Takes until the next lease is renewed."""

    renewals: Callable[[], int] = lambda: 0

    def record(self, pod: Json, fate: Fate, runs: Any) -> Ending:
        before = self.renewals()
        wait_until("a lease is renewed", lambda: self.renewals() > before, 20, 0.05)
        return super().record(pod, fate, runs)


@pytest.fixture
def notes() -> Notes:
    return Notes()


Run = Callable[[Fate], KubernetesWorld]


@pytest.fixture
def run(notes: Notes) -> Iterator[Run]:
    """Begin a world with a Job of that fate."""
    worlds = []

    def begin(fate: Fate) -> KubernetesWorld:
        entered = KubernetesWorld.running(notes, Plan(weights={fate: 1}, **FAST))
        worlds.append(entered)
        world = entered.__enter__()
        world.objects.create("jobs", NAMESPACE, backtest_job())
        world.settle()
        return world

    yield begin
    for each in worlds:
        each.__exit__(None, None, None)


def backtest_job() -> Json:
    job = build_job(build_create(), ENGINES["noop"], SETTINGS)
    job["metadata"].pop("ownerReferences")
    return job


def pod_of(world: KubernetesWorld) -> SeenPod:
    (pod,) = world.objects.all("pods")
    return parse_pod(pod)


def job_of(world: KubernetesWorld) -> Json:
    (job,) = world.objects.all("jobs")
    return job


def reason_of(world: KubernetesWorld) -> str | None:
    """Return the reason that the operator would give a failed Job without an outcome; None while it has not failed."""
    job = parse_job(job_of(world))
    if job.state.name != "FAILED":
        return None
    return classify_failure(job, pod_of(world), build_pack())[0].value


def test_a_pod_that_succeeds_goes_through_engine_and_recorder(run: Run, notes: Notes) -> None:
    world = run(Fate.SUCCEEDS)
    seen = pod_of(world)
    assert (seen.scheduled_at is not None, seen.engine.started_at, seen.is_terminal) == (True, None, False)
    world.advance(2, 1)
    assert pod_of(world).engine.started_at is not None
    world.advance(10, 1)
    seen = pod_of(world)
    assert (seen.engine.exit_code, seen.recorder.started_at is not None, notes.asked) == (0, True, 0)
    world.advance(1, 1)
    seen = pod_of(world)
    assert (seen.recorder.exit_code, seen.recorder.termination_message, seen.is_terminal) == (0, "its last word", True)
    assert (notes.asked, parse_job(job_of(world)).state.name) == (1, "COMPLETE")


@pytest.mark.parametrize(
    ("fate", "reason", "asked"),
    [
        pytest.param(Fate.CRASHES, "EngineCrash", 0, id="crash"),
        pytest.param(Fate.OOM_OF_CONTAINER, "OOMKilled", 0, id="out of memory"),
        pytest.param(Fate.EVICTED, "Evicted", 0, id="eviction"),
        pytest.param(Fate.RECORDER_CRASHES, "RecorderError", 1, id="recorder"),
        pytest.param(Fate.HANGS, None, 0, id="hang"),
        pytest.param(Fate.IMAGE, None, 0, id="image"),
        pytest.param(Fate.CONFIG, None, 0, id="config"),
        pytest.param(Fate.RECORDER_CONFIG, None, 0, id="recorder's config"),
        pytest.param(Fate.RECORDER_SILENT, None, 0, id="silent recorder"),
    ],
)
def test_the_operator_reads_what_became_of_a_pod(
    run: Run, notes: Notes, fate: Fate, reason: str | None, asked: int
) -> None:
    world = run(fate)
    world.advance(60, 1)
    assert (reason_of(world), notes.asked) == (reason, asked)


@pytest.mark.parametrize(
    ("fate", "engine", "recorder"),
    [
        pytest.param(Fate.IMAGE, "ErrImagePull", None, id="image"),
        pytest.param(Fate.CONFIG, "CreateContainerConfigError", None, id="config"),
        pytest.param(Fate.RECORDER_CONFIG, None, "CreateContainerConfigError", id="recorder's config"),
        pytest.param(Fate.HANGS, None, None, id="hang"),
    ],
)
def test_a_pod_that_waits_says_why_and_does_not_end(
    run: Run, fate: Fate, engine: str | None, recorder: str | None
) -> None:
    world = run(fate)
    world.advance(1000, 10)
    seen = pod_of(world)
    assert (seen.engine.waiting_reason, seen.recorder.waiting_reason, seen.is_terminal) == (engine, recorder, False)
    assert (seen.engine.started_at is not None) == (engine is None)


def test_a_recorder_without_a_database_tries_as_long_as_its_patience_lasts(run: Run, notes: Notes) -> None:
    notes.exit_code = 4
    world = run(Fate.SUCCEEDS)
    world.advance(13 + 55, 1)
    assert not pod_of(world).is_terminal
    assert notes.asked == 12
    world.advance(5, 1)
    assert reason_of(world) == "RecorderGaveUp"


def test_a_recorder_whose_database_comes_back_records_after_all(run: Run, notes: Notes) -> None:
    notes.exit_code = 4
    world = run(Fate.SUCCEEDS)
    world.advance(20, 1)
    notes.exit_code = 0
    world.advance(5, 1)
    assert pod_of(world).recorder.exit_code == 0


def test_a_deleted_job_takes_its_pod_before_that_records(run: Run, notes: Notes) -> None:
    world = run(Fate.SUCCEEDS)
    world.advance(5, 1)
    world.objects.delete("jobs", NAMESPACE, job_of(world)["metadata"]["name"])
    world.advance(60, 1)
    assert (world.objects.all("pods"), notes.asked) == ([], 0)


def test_a_node_that_is_cut_off_records_and_reports_it_late(run: Run, notes: Notes) -> None:
    world = run(Fate.SUCCEEDS)
    world.advance(5, 1)
    world.kubelet.cut_off.add("fake-0")
    world.advance(60, 1)
    assert (notes.asked, pod_of(world).is_terminal) == (1, False)
    world.kubelet.reconnect("fake-0")
    world.settle()
    assert (pod_of(world).is_terminal, parse_job(job_of(world)).state.name) == (True, "COMPLETE")


def test_a_node_that_is_lost_records_nothing(run: Run, notes: Notes) -> None:
    world = run(Fate.SUCCEEDS)
    world.advance(5, 1)
    world.kubelet.lose("fake-0")
    world.advance(60, 1)
    assert (notes.asked, pod_of(world).is_terminal) == (0, False)


def test_a_seed_gives_the_same_lives_each_time_and_another_one_others() -> None:
    pods = [{"metadata": {"labels": {"backfleet.io/index": str(index)}}} for index in range(50)]
    weights = dict.fromkeys(Fate, 1.0)
    lives = [[Plan(seed, weights).life_of(pod) for pod in pods] for seed in (1, 1, 2)]
    assert lives[0] == lives[1] != lives[2]
    assert {life.fate for life in lives[0]} == {Fate.SUCCEEDS, *OF_POD}
    assert {life.members[0].fate for life in lives[0]} == set(Fate) - OF_POD


def test_it_follows_the_clock_of_this_machine_and_gets_over_faults(notes: Notes) -> None:
    plan = Plan(start_seconds=(0, 0), run_seconds=(0, 0))
    with ApiServer.running() as api:
        kubelet = Kubelet(KubeClient(api.client()), notes, plan, ("fake-0", "fake-1"), workers=4)
        kubelet.register()
        api.faults += [
            Fault("/pods", kind="too old", verb="watch"),
            Fault("/pods", kind="close", verb="list"),
            Fault("/status", "PATCH", "close", after=1),
            Fault("/status", "PATCH", code=503, after=2),
        ]
        stop = threading.Event()
        thread = threading.Thread(target=kubelet.follow, args=(stop, 0.05), daemon=True)
        thread.start()
        with ControlPlane(api.objects).following():
            api.objects.create("jobs", NAMESPACE, backtest_job())
            wait_until("the Job's end", lambda: condition_of(api.objects.all("jobs")[0], "Complete"), 60, 0.05)
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
    assert [fault.times for fault in api.faults] == [0, 0, 0, 0]
    assert notes.asked == 1


@pytest.mark.timeout(60)
def test_what_breaks_its_watch_ends_it(notes: Notes) -> None:
    with ApiServer.running() as api:
        kubelet = Kubelet(KubeClient(api.client()), notes)
        api.faults.append(Fault("/pods", kind="not an object", verb="list"))
        with pytest.raises(TypeError):
            kubelet.follow(threading.Event(), 0.05)


def test_leases_are_renewed_while_an_outcome_takes_long_to_be_recorded() -> None:
    with ApiServer.running() as api:
        notes = SlowNotes(renewals=lambda: len(api.calls_of("PATCH", "/leases/")))
        plan = Plan(start_seconds=(0, 0), run_seconds=(0, 0))
        kubelet = Kubelet(KubeClient(api.client()), notes, plan)
        kubelet.register()
        stop = threading.Event()
        thread = threading.Thread(target=kubelet.follow, args=(stop, 0.05, 0.1), daemon=True)
        thread.start()
        with ControlPlane(api.objects).following():
            api.objects.create("jobs", NAMESPACE, backtest_job())
            wait_until("the Job's end", lambda: condition_of(api.objects.all("jobs")[0], "Complete"), 60, 0.05)
        stop.set()
        thread.join(20)
    assert notes.asked == 1

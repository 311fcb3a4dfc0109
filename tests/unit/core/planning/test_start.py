"""What is read of a pack that has not started, and how long it is waited for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backfleet.core.planning.observation import JobState, Limits, SeenContainer, SeenJob, SeenPod
from backfleet.core.planning.start import (
    Patience,
    StartProblem,
    is_given_up,
    postponed,
    problems_since,
    recorder_problem,
    reported_problem,
    silence,
)
from backfleet.core.reasons import FailureReason
from tests.support.cluster import NAMESPACE, START
from tests.support.jobs import build_pack

JOB = SeenJob(
    name="demo-0-1",
    namespace=NAMESPACE,
    uid="job",
    owner_uid="batch",
    key=("batch", 0, 1),
    state=JobState.ACTIVE,
    created_at=START,
    deadline_at=START,
)
POD = SeenPod(
    name="demo-0-1-x",
    namespace=NAMESPACE,
    key=("batch", 0, 1),
    is_terminal=False,
    created_at=START,
    deadline_at=START,
    owner_uid="job",
    owner_name="demo-0-1",
)
FORBIDDEN = 'violates PodSecurity "restricted:latest": runAsNonRoot != true'
QUOTA = "exceeded quota: pods, requested: pods=1, used: pods=5, limited: pods=5"
NO_IMAGE = SeenContainer(waiting_reason="ErrImagePull", waiting_message="no such image")


@pytest.mark.parametrize(
    ("job", "pod", "text", "patience"),
    [
        pytest.param(JOB, replace(POD, engine=NO_IMAGE), "ErrImagePull: no such image", Patience.START, id="image"),
        pytest.param(
            JOB,
            replace(POD, unschedulable="0/1 nodes: cpu"),
            "Unschedulable: 0/1 nodes: cpu",
            Patience.ROOM,
            id="no node",
        ),
        pytest.param(
            replace(JOB, pod_refusal=FORBIDDEN), None, f"PodForbidden: {FORBIDDEN}", Patience.START, id="pod security"
        ),
        pytest.param(replace(JOB, pod_refusal=QUOTA), None, f"QuotaExceeded: {QUOTA}", Patience.ROOM, id="quota"),
    ],
)
def test_a_problem_is_read_in_the_words_of_who_reported_it(
    job: SeenJob, pod: SeenPod | None, text: str, patience: Patience
) -> None:
    problem = reported_problem(job, pod)
    assert problem is not None
    assert (str(problem), problem.patience) == (text, patience)


@pytest.mark.parametrize(
    ("job", "pod", "words"),
    [
        pytest.param(JOB, None, "has no pod", id="no pod, and nobody says why"),
        pytest.param(replace(JOB, pod_refusal=QUOTA), POD, "has not started", id="a quota that a pod got past"),
        pytest.param(JOB, POD, "has not started", id="nothing said"),
        pytest.param(
            JOB,
            replace(POD, engine=SeenContainer(waiting_reason="PodInitializing")),
            "has not started",
            id="its image is being pulled",
        ),
    ],
)
def test_silence_is_no_problem_yet(job: SeenJob, pod: SeenPod | None, words: str) -> None:
    assert reported_problem(job, pod) is None
    assert words in str(silence(pod))


def test_a_recorder_is_waited_for_only_after_its_engine() -> None:
    stuck = SeenContainer(waiting_reason="CreateContainerConfigError", waiting_message="no secret")
    ended = SeenContainer(started_at=START, exit_code=0)
    assert recorder_problem(replace(POD, engine=SeenContainer(started_at=START), recorder=stuck)) is None
    assert recorder_problem(replace(POD, engine=ended, recorder=ended)) is None
    assert str(recorder_problem(replace(POD, engine=ended, recorder=stuck))) == "CreateContainerConfigError: no secret"


def test_a_problem_counts_from_the_look_that_found_it_and_a_refused_pod_from_its_jobs_creation() -> None:
    now = START + timedelta(seconds=40)
    later = now + timedelta(seconds=5)
    found = problems_since({}, [JOB], [replace(POD, engine=NO_IMAGE)], now)
    assert found == {"job": now}
    assert problems_since(found, [JOB], [replace(POD, engine=NO_IMAGE)], later) == found
    assert problems_since(found, [JOB], [POD], later) == {}
    assert problems_since({}, [replace(JOB, pod_refusal=QUOTA)], [], now) == {"job": START}
    old = replace(POD, owner_uid="an earlier Job of the same pack", engine=NO_IMAGE)
    assert problems_since({}, [JOB], [old], now) == {}


IMAGE = StartProblem(kind="ErrImagePull", message="no such image")
ROOM = StartProblem(kind="QuotaExceeded", message="exceeded quota")
NO_ANSWER = StartProblem(kind="NoAnswer", message="timed out")


def test_the_back_off_doubles_up_to_a_minute_and_stays_short_for_room() -> None:
    def waits(problem: StartProblem) -> list[float]:
        pack, found = build_pack(), []
        for _ in range(6):
            pack = postponed(pack, problem, START, Limits())
            assert pack.retry_at is not None
            found.append((pack.retry_at - START).total_seconds())
        return found

    assert waits(IMAGE) == [5, 10, 20, 40, 60, 60]
    assert waits(ROOM) == [5, 10, 15, 15, 15, 15]


def test_a_pack_that_did_not_start_waits_without_a_job() -> None:
    pack = build_pack(job_seen_at=START)
    after = postponed(pack, IMAGE, START, Limits(), not_before=START + timedelta(seconds=90))
    assert after == replace(
        pack,
        job_seen_at=None,
        start_tries=1,
        waiting_since=START,
        waiting_reason="ErrImagePull: no such image",
        retry_at=START + timedelta(seconds=90),
    )
    assert StartProblem.of(after) == IMAGE


def moments(*problems: tuple[float, StartProblem]) -> list[bool]:
    """Report whether a pack with 600 s to start is given up at each of these problems, with an hour for room."""
    pack, found = build_pack(launched_at=START, start_deadline_at=START + timedelta(seconds=600)), []
    for seconds, problem in problems:
        now = START + timedelta(seconds=seconds)
        pack = postponed(pack, problem, now, Limits())
        found.append(is_given_up(pack, now, 3600))
    return found


@pytest.mark.parametrize(
    ("problems", "given_up"),
    [
        pytest.param([(1, IMAGE), (599, IMAGE), (600, IMAGE)], [False, False, True], id="its own time"),
        pytest.param([(1, ROOM), (3600, ROOM), (3601, ROOM)], [False, False, True], id="the time for room"),
        pytest.param([(1, NO_ANSWER), (90_000, NO_ANSWER)], [False, False], id="no answer never counts"),
        pytest.param(
            [(1, NO_ANSWER), (3001, IMAGE), (3599, IMAGE), (3600, IMAGE)],
            [False, False, False, True],
            id="what was not answered is not charged",
        ),
        pytest.param(
            [(300, IMAGE), (300, ROOM), (3300, IMAGE), (3599, ROOM), (3600, IMAGE), (3601, IMAGE)],
            [False, False, False, False, False, True],
            id="problems in turn still come to an end",
        ),
        pytest.param(
            # Not charged is the time until the next try after one without an answer: 10, 40 and 60 s.
            [
                (1, ROOM),
                (1800, NO_ANSWER),
                (1801, ROOM),
                (3500, NO_ANSWER),
                (3610, NO_ANSWER),
                (3710, ROOM),
                (3711, ROOM),
            ],
            [False, False, False, False, False, False, True],
            id="the time for room goes on where an answer is missing now and then",
        ),
    ],
)
def test_a_pack_has_its_time_for_each_kind_of_problem(
    problems: list[tuple[float, StartProblem]], given_up: list[bool]
) -> None:
    assert moments(*problems) == given_up


def test_a_given_up_pack_is_named_by_what_it_waited_for() -> None:
    reasons = [problem.failure for problem in (IMAGE, ROOM, StartProblem(kind="Unschedulable", message="0/1 nodes"))]
    assert reasons == [FailureReason.START_TIMEOUT, FailureReason.QUOTA_EXCEEDED, FailureReason.UNSCHEDULABLE]

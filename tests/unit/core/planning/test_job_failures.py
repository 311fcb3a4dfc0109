"""Why a Job without an outcome failed, read from its Job and pod: the first rule that matches."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backfleet.core.packs import PackRecord
from backfleet.core.planning.job_failures import classify_failure
from backfleet.core.planning.observation import JobState, SeenContainer, SeenJob, SeenPod
from backfleet.core.reasons import FailureReason
from tests.support.cluster import NAMESPACE, START

JOB = SeenJob(
    name="demo-0-1",
    namespace=NAMESPACE,
    uid="job",
    owner_uid="batch",
    key=("batch", 0, 1),
    state=JobState.FAILED,
    created_at=START,
    deadline_at=START,
)
POD = SeenPod(
    name="demo-0-1-x", namespace=NAMESPACE, key=("batch", 0, 1), is_terminal=True, created_at=START, deadline_at=START
)
PACK = PackRecord(
    batch_uid="batch",
    index=0,
    number=1,
    job_name="demo-0-1",
    launched_at=START,
    start_deadline_at=START,
    hard_deadline_at=START,
)
RAN = SeenContainer(started_at=START, exit_code=0)
OWN_STORAGE = {
    "its results are too large": 'Usage of EmptyDir volume "results" exceeds the limit "256Mi". ',
    "all that it writes is too large": "Pod ephemeral local storage usage exceeds the total limit of containers 1536Mi. ",
    "its log is too large": 'Container engine exceeded its local ephemeral storage limit "1536Mi". ',
}
"""The kubelet's words."""
NODE_IS_FULL = (
    "The node was low on resource: ephemeral-storage. Container engine was using 9Mi, which exceeds its request of 0. "
)
LATE = replace(JOB, reason="DeadlineExceeded", message="Job was active longer than specified deadline")


@pytest.mark.parametrize(
    ("job", "pod", "reason", "words"),
    [
        pytest.param(JOB, None, FailureReason.NODE_LOST, "pod is gone", id="no pod is left"),
        pytest.param(LATE, None, FailureReason.UNSCHEDULABLE, "no engine", id="deadline, no pod and no start"),
        pytest.param(
            JOB,
            replace(POD, reason="Evicted", message="low on disk"),
            FailureReason.EVICTED,
            "low on disk",
            id="evicted",
        ),
        *(
            pytest.param(
                JOB, replace(POD, reason="Evicted", message=said), FailureReason.STORAGE_LIMIT_EXCEEDED, said, id=words
            )
            for words, said in OWN_STORAGE.items()
        ),
        pytest.param(
            JOB,
            replace(POD, reason="Evicted", message=NODE_IS_FULL),
            FailureReason.EVICTED,
            "The node was low on resource",
            id="the node's disk is full, and this pod uses some of it",
        ),
        pytest.param(
            JOB,
            replace(POD, reason="OutOfcpu", message="not enough cpu"),
            FailureReason.UNEXPECTED_ADMISSION,
            "not enough cpu",
            id="the node did not admit it",
        ),
        pytest.param(
            JOB,
            replace(POD, disruption="PreemptionByScheduler"),
            FailureReason.PREEMPTED,
            "priority",
            id="preempted by the scheduler",
        ),
        pytest.param(
            JOB,
            replace(POD, reason="NodeLost", message="node gone"),
            FailureReason.NODE_LOST,
            "node gone",
            id="its node is lost",
        ),
        pytest.param(
            JOB,
            replace(POD, disruption="EvictionByEvictionAPI"),
            FailureReason.EVICTED,
            "EvictionByEvictionAPI",
            id="drained",
        ),
        pytest.param(
            LATE,
            replace(POD, unschedulable="0/3 nodes"),
            FailureReason.UNSCHEDULABLE,
            "0/3 nodes",
            id="deadline without an engine's start",
        ),
        pytest.param(
            LATE, replace(POD, engine=RAN), FailureReason.DEADLINE_EXCEEDED, "longer", id="deadline after the start"
        ),
        pytest.param(
            JOB,
            replace(POD, engine=replace(RAN, exit_code=137, termination_reason="OOMKilled")),
            FailureReason.OOM_KILLED,
            "137",
            id="out of memory",
        ),
        pytest.param(
            JOB,
            replace(POD, engine=replace(RAN, exit_code=128, termination_reason="ContainerCannotRun")),
            FailureReason.ENGINE_CRASH,
            "ContainerCannotRun",
            id="the shim did not run",
        ),
        pytest.param(
            JOB,
            replace(POD, engine=RAN, recorder=replace(RAN, exit_code=4, termination_message="not recorded")),
            FailureReason.RECORDER_GAVE_UP,
            "not recorded",
            id="the recorder gave up on Postgres",
        ),
        pytest.param(
            LATE,
            replace(POD, engine=RAN, recorder=replace(RAN, exit_code=None)),
            FailureReason.RECORDER_GAVE_UP,
            "still tried",
            id="deadline while the recorder tried",
        ),
        pytest.param(
            JOB,
            replace(POD, engine=RAN, recorder=replace(RAN, exit_code=5, termination_message="not taken")),
            FailureReason.RECORDER_ERROR,
            "not taken",
            id="Postgres did not take the outcome",
        ),
        pytest.param(
            JOB, replace(POD, engine=RAN, recorder=RAN), FailureReason.RESULT_MISSING, "neither", id="no word"
        ),
        pytest.param(
            JOB,
            replace(POD, engine=replace(RAN, termination_reason="OOMKilled"), recorder=RAN),
            FailureReason.RESULT_MISSING,
            "neither",
            id="an OOM kill inside the shim is the recorder's to tell",
        ),
    ],
)
def test_the_first_rule_that_matches_names_the_reason(
    job: SeenJob, pod: SeenPod | None, reason: FailureReason, words: str
) -> None:
    found, message = classify_failure(job, pod, PACK)
    assert found is reason
    assert words in message


@pytest.mark.parametrize(
    ("started", "reason"),
    [
        pytest.param(0, FailureReason.DEADLINE_EXCEEDED, id="started in time"),
        pytest.param(1, FailureReason.UNSCHEDULABLE, id="started after its start deadline"),
    ],
)
def test_a_run_cut_short_by_waiting_for_a_node_is_not_the_backtests_fault(started: int, reason: FailureReason) -> None:
    pack = replace(PACK, engine_started_at=START + timedelta(seconds=started))
    assert classify_failure(LATE, None, pack)[0] is reason

"""One look at every watched namespace; one that is not allowed or not served is left out whole, and the others go on."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from backfleet.controller.cluster import ClusterPort, NotAllowed
from backfleet.controller.kubernetes_objects import parse_batch, parse_job, parse_pod, parse_pod_refusal
from backfleet.core.errors import BackfleetError, NotFound
from backfleet.core.planning.observation import JobState, SeenBatch, SeenJob, SeenPod
from backfleet.core.records import AttemptRecord, StoreView

WITHOUT_POD = timedelta(seconds=30)
"""So long the Job controller may take to create a Job's pod before its events are asked why it did not."""


@dataclass(slots=True)
class Sight:
    """What was listed, and why a namespace was not: its objects are unknown, which is not the same as gone."""

    batches: list[SeenBatch] = field(default_factory=list)
    jobs: list[SeenJob] = field(default_factory=list)
    pods: list[SeenPod] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


def list_namespaces(cluster: ClusterPort, namespaces: Iterable[str], beat: Callable[[], None] = lambda: None) -> Sight:
    """Batches, Jobs and pods of all; raises what the only one, or every one, of the namespaces answered, and Unavailable.

    `beat` is called before each namespace: a hundred of them may take longer than a turn should.
    """
    sight, problem = Sight(), None
    for namespace in namespaces:
        beat()
        try:
            batches = [parse_batch(item) for item in cluster.list_batches(namespace)]
            jobs = [parse_job(item) for item in cluster.list_jobs(namespace)]
            pods = [parse_pod(item) for item in cluster.list_pods(namespace)]
        except (NotAllowed, NotFound) as error:
            sight.refused[namespace] = str(error)
            problem = error
            continue
        sight.batches += batches
        sight.jobs += jobs
        sight.pods += pods
        sight.listed.add(namespace)
    if problem is not None and not sight.listed:
        raise _of_all(sight.refused, problem)
    return sight


def jobs_out_of_list(cluster: ClusterPort, sight: Sight, store: StoreView, resting: Collection[str]) -> list[SeenJob]:
    """The Jobs of live attempts that are not in the list, each looked up by its name: a label keeps a Job out of it.

    Only an attempt whose Job is not there under its name either has none. Batches that are left alone are not looked after.
    """
    namespaces = {batch.uid: batch.namespace for batch in sight.batches if batch.uid not in resting}
    listed = {(job.key, job.name) for job in sight.jobs}
    found = []
    for attempt in live_attempts(store):
        namespace = namespaces.get(attempt.batch_uid)
        if namespace is None or (attempt.key, attempt.job_name) in listed:
            continue
        item = cluster.get_job(namespace, attempt.job_name)
        job = parse_job(item) if item else None
        if job is not None and job.key == attempt.key and job.owner_uid == attempt.batch_uid:
            found.append(job)
    return found


def pods_out_of_list(cluster: ClusterPort, sight: Sight, store: StoreView) -> list[SeenPod]:
    """The pods of Jobs that have none in the list, where it matters whether and how they ended.

    An unfinished Job whose pod has ended holds no slot, and a failed one whose attempt has no outcome is judged by its pod.
    """
    with_pod = {pod.owner_uid for pod in sight.pods}
    live = {attempt.key for attempt in live_attempts(store)}
    asked: dict[str, list[str]] = defaultdict(list)
    for job in sorted(sight.jobs, key=lambda each: each.name):
        is_failed = job.state is JobState.FAILED and job.key in live
        if job.uid not in with_pod and (job.state is JobState.ACTIVE or is_failed):
            asked[job.namespace].append(job.name)
    return [
        parse_pod(item) for namespace in sorted(asked) for item in cluster.list_pods_of(namespace, asked[namespace])
    ]


def live_attempts(store: StoreView) -> Iterator[AttemptRecord]:
    """The attempts that hold a slot and have no outcome yet."""
    ended = {outcome.attempt_id for outcome in store.outcomes}
    for attempt in store.attempts:
        if attempt.is_deciding and attempt.backtest_state.holds_slot and attempt.id not in ended:
            yield attempt


def jobs_with_pod_refusals(cluster: ClusterPort, sight: Sight, now: datetime) -> tuple[SeenJob, ...]:
    """The Jobs; those that have had no pod for a while with what their events say of it (quota, pod security, admission)."""
    with_pod = {pod.owner_uid for pod in sight.pods}
    without = {
        job.uid: job.namespace
        for job in sight.jobs
        if job.state is JobState.ACTIVE and job.uid not in with_pod and now - job.created_at >= WITHOUT_POD
    }
    said: dict[str, str] = {}
    for namespace in sorted(set(without.values())):
        # A Role of an earlier version: then nobody knows why.
        with suppress(NotAllowed):
            said |= dict(map(parse_pod_refusal, cluster.list_pod_refusals(namespace)))
    told = {uid: said.get(uid, "") for uid in without}
    return tuple(replace(job, pod_refusal=told.get(job.uid, "")) for job in sight.jobs)


def _of_all(refused: Mapping[str, str], problem: BackfleetError) -> BackfleetError:
    return problem if len(refused) == 1 else NotAllowed("; ".join(refused.values()))

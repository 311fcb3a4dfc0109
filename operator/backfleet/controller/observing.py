"""Lists every watched namespace. One that is forbidden or not served is left out whole, and the others go on."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from backfleet.controller.cluster import ClusterPort, NotAllowed
from backfleet.controller.kubernetes_objects import parse_batch, parse_job, parse_pod, parse_pod_refusal
from backfleet.core.errors import BackfleetError, NotFound
from backfleet.core.packs import PackRecord
from backfleet.core.planning.observation import JobState, Limits, SeenBatch, SeenJob, SeenPod
from backfleet.core.planning.settle import needs_members
from backfleet.core.planning.slots import outcomes_by_pack
from backfleet.core.records import AttemptRecord, StoreView

WITHOUT_POD = timedelta(seconds=30)
"""How long the Job controller may take to create a pod, before its events are read for the reason."""


@dataclass(slots=True)
class Listing:
    """What was listed, and why some namespaces were not. Their objects are unknown, which does not mean gone."""

    batches: list[SeenBatch] = field(default_factory=list)
    jobs: list[SeenJob] = field(default_factory=list)
    pods: list[SeenPod] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


def list_namespaces(
    cluster: ClusterPort, namespaces: Iterable[str], beat: Callable[[], None] = lambda: None
) -> Listing:
    """List batches, Jobs and pods of all namespaces. Raise Unavailable, or the error of the namespaces if all refuse.

    `beat` is called before each namespace: a hundred of them may take longer than a turn should.
    """
    listing, problem = Listing(), None
    for namespace in namespaces:
        beat()
        try:
            batches = [parse_batch(item) for item in cluster.list_batches(namespace)]
            jobs = [parse_job(item) for item in cluster.list_jobs(namespace)]
            pods = [parse_pod(item) for item in cluster.list_pods(namespace)]
        except (NotAllowed, NotFound) as error:
            listing.refused[namespace] = str(error)
            problem = error
            continue
        listing.batches += batches
        listing.jobs += jobs
        listing.pods += pods
        listing.listed.add(namespace)
    if problem is not None and not listing.listed:
        raise _of_all(listing.refused, problem)
    return listing


def jobs_out_of_list(
    cluster: ClusterPort, listing: Listing, store: StoreView, resting: Collection[str]
) -> list[SeenJob]:
    """Return the Jobs of live packs that are not in the list. Each is read by name: a label may hide a Job.

    Only if there is none of that name either has the pack no Job. Resting batches are skipped.
    """
    namespaces = {batch.uid: batch.namespace for batch in listing.batches if batch.uid not in resting}
    listed = {(job.key, job.name) for job in listing.jobs}
    found = []
    for pack in live_packs(store):
        namespace = namespaces.get(pack.batch_uid)
        if namespace is None or (pack.key, pack.job_name) in listed:
            continue
        item = cluster.get_job(namespace, pack.job_name)
        job = parse_job(item) if item else None
        if job is not None and job.key == pack.key and job.owner_uid == pack.batch_uid:
            found.append(job)
    return found


def pods_out_of_list(cluster: ClusterPort, listing: Listing, store: StoreView) -> list[SeenPod]:
    """Return the pods of Jobs without a pod in the list, where the end of the pod matters.

    An unfinished Job whose pod has ended holds no slot, and the pod explains a failed Job whose pack is not
    settled.
    """
    with_pod = {pod.owner_uid for pod in listing.pods}
    live = {pack.key for pack in live_packs(store)}
    asked: dict[str, list[str]] = defaultdict(list)
    for job in sorted(listing.jobs, key=lambda each: each.name):
        is_failed = job.state is JobState.FAILED and job.key in live
        if job.uid not in with_pod and (job.state is JobState.ACTIVE or is_failed):
            asked[job.namespace].append(job.name)
    return [
        parse_pod(item) for namespace in sorted(asked) for item in cluster.list_pods_of(namespace, asked[namespace])
    ]


def live_packs(store: StoreView) -> Iterator[PackRecord]:
    """Yield the packs with members that have no outcome yet."""
    ended = outcomes_by_pack(store)
    return (pack for pack in store.packs if ended[pack.id] < pack.unsettled)


def with_members(
    jobs: Iterable[SeenJob],
    pods: Iterable[SeenPod],
    store: StoreView,
    limits: Limits,
    read: Callable[[Collection[str]], Sequence[AttemptRecord]],
) -> StoreView:
    """Add the members of the packs that something happened to. Jobs and pods are those that the planner gets.

    Of the others a pass reads their own rows alone, however many attempts they carry. Members that have an outcome are here
    already.
    """
    asked = _in_question(jobs, pods, store, limits)
    here = {each.id for each in store.attempts}
    found = [each for each in read(asked) if each.id not in here] if asked else []
    return replace(store, attempts=(*store.attempts, *found)) if found else store


def _in_question(jobs: Iterable[SeenJob], pods: Iterable[SeenPod], store: StoreView, limits: Limits) -> list[str]:
    # As in `gather_facts`: a copy of a pack's Job, under another name or with another owner, says nothing of the pack.
    of_pack = {(job.key, job.name): job for job in jobs if job.key is not None and job.owner_uid == job.key[0]}
    newest = {(pod.key, pod.owner_uid): pod for pod in sorted(pods, key=lambda each: (each.created_at, each.name))}
    found = ((pack, of_pack.get((pack.key, pack.job_name))) for pack in live_packs(store))
    return [
        pack.id
        for pack, job in found
        if needs_members(pack, job, newest.get((pack.key, job.uid)) if job else None, store.now, limits)
    ]


def jobs_with_pod_refusals(cluster: ClusterPort, listing: Listing, now: datetime) -> tuple[SeenJob, ...]:
    """Return the Jobs. Those without a pod for a while have the reason from their events (quota, pod security, admission)."""
    with_pod = {pod.owner_uid for pod in listing.pods}
    without = {
        job.uid: job.namespace
        for job in listing.jobs
        if job.state is JobState.ACTIVE and job.uid not in with_pod and now - job.created_at >= WITHOUT_POD
    }
    said: dict[str, str] = {}
    for namespace in sorted(set(without.values())):
        # A Role of an earlier version may not allow it. Then the reason stays unknown.
        with suppress(NotAllowed):
            said |= dict(map(parse_pod_refusal, cluster.list_pod_refusals(namespace)))
    refusals = {uid: said.get(uid, "") for uid in without}
    return tuple(replace(job, pod_refusal=refusals.get(job.uid, "")) for job in listing.jobs)


def _of_all(refused: Mapping[str, str], problem: BackfleetError) -> BackfleetError:
    return problem if len(refused) == 1 else NotAllowed("; ".join(refused.values()))

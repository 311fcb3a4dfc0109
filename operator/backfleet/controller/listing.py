"""One look at every watched namespace; one that is not allowed or not served is left out whole, and the others go on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backfleet.controller.cluster import ClusterPort, NotAllowed
from backfleet.controller.observing import parse_batch, parse_job, parse_pod
from backfleet.core.errors import BackfleetError, NotFound
from backfleet.core.observation import SeenBatch, SeenJob, SeenPod


@dataclass(slots=True)
class Sight:
    """What was listed, and why a namespace was not: its objects are unknown, which is not the same as gone."""

    batches: list[SeenBatch] = field(default_factory=list)
    jobs: list[SeenJob] = field(default_factory=list)
    pods: list[SeenPod] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


def list_namespaces(cluster: ClusterPort, namespaces: Iterable[str]) -> Sight:
    """Batches, Jobs and pods of all; raises what the only one, or every one, of the namespaces answered, and Unavailable."""
    sight, problem = Sight(), None
    for namespace in namespaces:
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


def _of_all(refused: Mapping[str, str], problem: BackfleetError) -> BackfleetError:
    return problem if len(refused) == 1 else NotAllowed("; ".join(refused.values()))

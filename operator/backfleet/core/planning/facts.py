"""Indexes what was observed by the pack or the attempt that it belongs to."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backfleet.core.packs import PackKey
from backfleet.core.planning.observation import Observation, Refusal, SeenJob, SeenPod
from backfleet.core.records import OutcomeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Jobs, pods and refusals by pack, outcomes by attempt. The newest pod of a pack comes last."""

    jobs: Mapping[PackKey, SeenJob] = field(default_factory=dict)
    pods: Mapping[PackKey, Sequence[SeenPod]] = field(default_factory=dict)
    outcomes: Mapping[str, OutcomeRecord] = field(default_factory=dict)
    refusals: Mapping[PackKey, Refusal] = field(default_factory=dict)
    has_more_outcomes: bool = False
    """Some new outcomes are not here, so a missing one means nothing."""

    problems_since: Mapping[str, datetime] = field(default_factory=dict)
    blind: tuple[datetime, datetime] | None = None

    def pod(self, job: SeenJob) -> SeenPod | None:
        """Return the newest pod of this Job. A pod of an earlier Job of the same pack does not count."""
        pods = [pod for pod in self.pods.get(job.key, ()) if pod.owner_uid == job.uid] if job.key else []
        return pods[-1] if pods else None

    def blind_since(self, moment: datetime) -> timedelta:
        """Return how long nothing could be observed after that time: nobody could start anything or report it."""
        if self.blind is None or moment >= self.blind[1]:
            return timedelta(0)
        return self.blind[1] - max(self.blind[0], moment)


def gather_facts(seen: Observation) -> Facts:
    """Index Jobs, pods, outcomes and refusals. Their order does not matter."""
    pods: dict[PackKey, list[SeenPod]] = defaultdict(list)
    for pod in sorted(seen.pods, key=lambda each: (each.created_at, each.name)):
        if pod.key is not None:
            pods[pod.key].append(pod)
    names = {pack.key: pack.job_name for pack in seen.store.packs}
    ours = [job for job in seen.jobs if job.key is not None and job.owner_uid == job.key[0]]
    return Facts(
        # Not a copy that somebody made of a pack's Job, with all its labels under another name.
        jobs={job.key: job for job in ours if job.key and names.get(job.key, job.name) == job.name},
        pods=pods,
        outcomes={outcome.attempt_id: outcome for outcome in seen.store.outcomes},
        refusals=seen.refusals,
        problems_since=seen.problems_since,
        blind=seen.blind,
        has_more_outcomes=seen.store.has_more_outcomes,
    )

"""What was observed, by the pack or the attempt that it belongs to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backfleet.core.planning.facts import Facts, gather_facts
from backfleet.core.records import StoreView
from tests.support.jobs import NOW
from tests.support.planning import (
    after,
    build_job,
    build_member,
    build_observation,
    build_outcome,
    build_pod,
    build_running,
)

PACK = build_running()
ATTEMPT = build_member(PACK)
JOB = build_job(PACK)


def test_facts_are_those_of_known_packs_whatever_the_order_of_what_was_seen() -> None:
    old, new = build_pod(JOB, name="b", created_at=after(-9)), build_pod(JOB, name="a", created_at=after(-1))
    copied = replace(JOB, name="copy", uid="copy")
    foreign = replace(JOB, owner_uid="somebody", uid="foreign")
    outcome = build_outcome(ATTEMPT)
    store = StoreView(now=NOW, packs=(PACK,), attempts=(ATTEMPT,), outcomes=(outcome,), has_more_outcomes=True)
    seen = build_observation(store=store, jobs=(copied, JOB, foreign), pods=(new, old), blind=(after(-9), NOW))
    facts = Facts(
        jobs={PACK.key: JOB},
        pods={PACK.key: [old, new]},
        outcomes={ATTEMPT.id: outcome},
        has_more_outcomes=True,
        blind=(after(-9), NOW),
    )
    assert gather_facts(seen) == facts
    assert gather_facts(replace(seen, jobs=(foreign, JOB, copied), pods=(old, new))) == facts


def test_the_newest_pod_of_a_job_speaks_for_it_and_no_other_jobs_pod() -> None:
    old, new, other = build_pod(JOB, name="a"), build_pod(JOB, name="b"), build_pod(JOB, owner_uid="before")
    facts = Facts(pods={PACK.key: [old, new, other]})
    assert (facts.pod(JOB), Facts().pod(JOB)) == (new, None)


@pytest.mark.parametrize(
    ("since", "seconds"),
    [
        pytest.param(-200, 50, id="it began before"),
        pytest.param(-120, 20, id="it began in between"),
        pytest.param(-100, 0, id="it began after"),
    ],
)
def test_the_time_in_which_nothing_could_be_observed_counts_from_a_moment_on(since: float, seconds: float) -> None:
    blind = (after(-150), after(-100))
    assert Facts(blind=blind).blind_since(after(since)) == timedelta(seconds=seconds)
    assert Facts().blind_since(after(since)) == timedelta(0)

"""What must hold of a world's rows about packs: each rule names what breaks it."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from backfleet.core.backtests import attempt_id
from backfleet.core.reasons import OF_CONTAINER, POLICIES, FailureReason, Policy
from tests.properties.world.facts import Facts, Row
from tests.properties.world.monitor import Attempt
from tests.world.clock import parse
from tests.world.kinds import Json

SECOND = timedelta(seconds=1)
UNCHARGED = (Policy.UNCHARGED, Policy.WAIT)


def wrong_packs(facts: Facts) -> Iterator[str]:
    """Find packs whose row has other counts than their attempts."""
    sizes = Counter(each["pack_id"] for each in facts.attempts)
    unsettled = Counter(each["pack_id"] for each in facts.attempts if each["ended_at"] is None)
    for pack in facts.packs:
        said, real = (pack["size"], pack["unsettled"]), (sizes[pack["pack_id"]], unsettled[pack["pack_id"]])
        if said != real:
            yield f"pack {pack['pack_id']}: size and unsettled are {said}, counted {real}"


def charge_of(attempt: Row, is_by_outcome: bool) -> bool | None:
    """Return whether an attempt that failed is charged: None if it counts neither as charged nor as uncharged."""
    reason = FailureReason(attempt["reason"])
    if reason is FailureReason.NOT_BEGUN:
        return None
    if not is_by_outcome and attempt["size"] > 1:
        if reason in OF_CONTAINER:
            return None
        if reason is FailureReason.START_TIMEOUT:
            return False
    return POLICIES[reason] not in UNCHARGED


def wrong_charges(facts: Facts) -> Iterator[str]:
    """Find attempts that are charged and must not be, or the other way round, and backtests with wrong sums of them."""
    recorded = {each["attempt_id"] for each in facts.outcomes if each["kind"] == "failed"}
    charged: Counter[str] = Counter()
    uncharged: Counter[str] = Counter()
    for each in facts.attempts:
        if each["ended_at"] is None or each["reason"] in (None, FailureReason.CANCELLED):
            continue
        # An outcome may have come after the operator had found a failure of its own.
        allowed = {charge_of(each, is_by_outcome) for is_by_outcome in {False, each["attempt_id"] in recorded}}
        if each["is_charged"] not in allowed:
            yield f"{each['attempt_id']} ({each['reason']}): charged is {each['is_charged']}, expected one of {allowed}"
        charged[each["backtest_id"]] += each["is_charged"] is True
        uncharged[each["backtest_id"]] += each["is_charged"] is False
    for backtest in facts.backtests:
        if backtest["state"] in ("succeeded", "cancelled"):
            continue  # a late success takes the reason of its attempt away
        said, real = (backtest["charged"], backtest["uncharged"]), (charged[backtest["id"]], uncharged[backtest["id"]])
        if said != real:
            yield f"{backtest['id']}: charged and uncharged are {said}, counted {real}"


def vanished_in_vain(facts: Facts, jobs: Iterable[Json]) -> Iterator[str]:
    """Find attempts whose Job is said to have vanished, though it was there before and is there still."""
    there = {
        (job["metadata"]["namespace"], job["metadata"]["name"]): parse(job["metadata"]["creationTimestamp"])
        for job in jobs
        if "deletionTimestamp" not in job["metadata"]
    }
    places = {each["uid"]: each["namespace"] for each in facts.batches}
    for each in facts.attempts:
        made_at = there.get((places[each["batch_uid"]], each["job_name"]))
        # The time of a Job has no fractions of a second.
        if each["reason"] == FailureReason.JOB_VANISHED and made_at and made_at + SECOND <= each["ended_at"]:
            yield f"{each['attempt_id']}: its Job {each['job_name']} has not vanished"


def wrong_suspects(facts: Facts, named: Mapping[Attempt, Attempt]) -> Iterator[str]:
    """Find members of packs that died as a whole which may be in other packs than they must.

    The one that ran, and whoever was in such a pack before, runs alone from then on; the others run in packs of at most about
    the square root of the size.
    """
    packs = {each["pack_id"]: each for each in facts.packs}
    backtests = {each["id"]: each for each in facts.backtests}
    deaths: dict[str, list[Row]] = defaultdict(list)
    for each in facts.attempts:
        if each["size"] > 1 and each["reason"] in OF_CONTAINER and each["is_charged"] is None and each["ended_at"]:
            deaths[each["backtest_id"]].append(each)
    for backtest_id, found in deaths.items():
        limit = backtests[backtest_id]["pack_limit"]
        last = max(found, key=lambda each: each["number"])
        pack = packs[last["pack_id"]]
        suspect = named.get((pack["batch_uid"], pack["index"], pack["number"]))
        is_suspect = suspect is not None and attempt_id(*suspect) == last["attempt_id"]
        most = 1 if is_suspect or len(found) > 1 else min(math.isqrt(pack["size"] - 1) + 1, pack["size"] - 1)
        if limit is None or limit > most:
            yield f"{last['attempt_id']}: it may be in packs of {limit} after a death, the most is {most}"
        later = [
            each for each in facts.attempts if each["backtest_id"] == backtest_id and each["number"] > last["number"]
        ]
        yield from (
            f"{each['attempt_id']} is one of {each['size']}, the most is {most}"
            for each in later
            if each["size"] > most
        )

"""Finds what a request names: in Postgres, else in Kubernetes. Blocking: call it in the threads of `Services`."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from backfleet.core.errors import NotFound, NotMigrated, Unavailable
from backfleet.core.space.constraints import compile_constraints
from backfleet.core.space.parameters import Combination, ParameterSpace
from backfleet.store.queries import reading
from backfleet.store.queries.answers import BacktestAnswer, BatchAnswer
from backfleet_api.cluster import ClusterBatch
from backfleet_api.dependencies import Services

logger = logging.getLogger(__name__)

NO_ANSWER = "Postgres does not answer"
NOT_MIGRATED = (
    "the database has no schema that this API can read. Start the operator: it migrates the database and grants access."
)

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@contextmanager
def postgres() -> Iterator[None]:
    """Hide the driver's text, which names hosts and roles: it goes to the log, the caller reads that Postgres is away."""
    try:
        yield
    except NotMigrated as error:
        raise NotMigrated(NOT_MIGRATED) from error
    except Unavailable as error:
        raise Unavailable(NO_ANSWER) from error


def find_batch(services: Services, wanted: str, namespace: str | None) -> BatchAnswer | ClusterBatch:
    """Return the batch of that uid, else the newest of that name. Raise NotFound if nobody knows it."""
    known = _find_row(services, wanted, namespace)
    if known is not None and known.record.uid == wanted:
        return known
    try:
        seen = services.directory.find(wanted, namespace, is_uid=_UID.fullmatch(wanted) is not None)
    except Unavailable as error:
        if known is None:
            raise
        logger.warning("answering from Postgres alone: %s", error)
        return known
    if seen is not None and (known is None or _find_row(services, seen.uid, None) is None):
        # The name is used again: what carries it now was not accepted yet, and Postgres only has its predecessor.
        return seen
    if known is None:
        where = f" in the namespace {namespace}" if namespace else ""
        raise NotFound(f"no batch has the uid or the name {wanted}{where}")
    return known


def find_accepted(services: Services, wanted: str, namespace: str | None) -> BatchAnswer:
    """Return a batch that Postgres knows. Raise NotFound also for one that was not accepted yet: it has nothing to show."""
    found = find_batch(services, wanted, namespace)
    if isinstance(found, ClusterBatch):
        raise NotFound(f"batch {found.name} is not accepted yet, so it has no results")
    return found


def find_pairs(services: Services, identifiers: Sequence[str]) -> list[tuple[BatchAnswer, BacktestAnswer]]:
    """Return launched backtests with their batches, in that order. Raise NotFound for one that was never launched."""
    engine, realm = services.engine, services.settings.realm
    with postgres():
        found = [reading.get_backtest(engine, realm, each) for each in identifiers]
        batches = {uid: reading.get_batch(engine, realm, uid) for uid in {each.batch_uid for each in found}}
    return [(batches[each.batch_uid], each) for each in found]


def find_backtest(services: Services, identifier: str) -> BacktestAnswer | tuple[BatchAnswer, Combination]:
    """Return the backtest, or batch and combination if it was never launched. Raise NotFound with the reason."""
    with postgres():
        try:
            return reading.get_backtest(services.engine, services.settings.realm, identifier)
        except NotFound:
            uid, _, index = identifier.rpartition("-")
            batch = _find_row(services, uid, None)
    if batch is None or batch.record.uid != uid:
        raise NotFound(f"no batch has the uid {uid}, or it was not accepted yet")
    return batch, _combination(batch, int(index))


def _combination(batch: BatchAnswer, index: int) -> Combination:
    space = ParameterSpace.from_json(batch.record.axes)
    if index >= space.total:
        raise NotFound(f"index {index} is outside the batch's parameter space: 0 to {space.total - 1}")
    combination = space.combination(index)
    constraints = compile_constraints(batch.record.spec.get("constraints") or [], space)
    broken = next((each.text for each in constraints if not each.is_satisfied(combination.values)), None)
    if broken is not None:
        raise NotFound(f"index {index} is not a backtest of the batch: it does not meet the constraint {broken}")
    return combination


def _find_row(services: Services, wanted: str, namespace: str | None) -> BatchAnswer | None:
    with postgres():
        try:
            return reading.get_batch(services.engine, services.settings.realm, wanted, namespace)
        except NotFound:
            return None

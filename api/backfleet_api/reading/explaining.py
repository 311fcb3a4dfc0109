"""Explains batches and backtests in plain words. Blocking: call it in the threads of `Services`."""

from backfleet.core import explaining
from backfleet.core.backtests import BacktestState
from backfleet.core.records import BatchState
from backfleet.store.queries.answers import BacktestAnswer
from backfleet.store.queries.explaining import read_backtest_facts, read_batch_facts
from backfleet.store.queries.reading import get_batch
from backfleet_api.cluster import ClusterBatch
from backfleet_api.dependencies import Services
from backfleet_api.reading.answers import phase_of
from backfleet_api.reading.lookup import find_backtest, find_batch, postgres
from backfleet_api.reading.pending import describe_pending
from backfleet_api.schemas.catalog import Explanation, NextStep


def explain_batch(services: Services, wanted: str, namespace: str | None) -> Explanation:
    """Explain a batch. Of one that the operator has not accepted, its custom resource says what is known."""
    batch = find_batch(services, wanted, namespace)
    if isinstance(batch, ClusterBatch):
        return _explain_pending(batch)
    with postgres():
        facts = read_batch_facts(services.engine, services.settings.realm, batch.record.uid)
    return _answer(batch.record.uid, phase_of(batch), explaining.explain_batch(batch.record, facts, services.now()))


def explain_backtest(services: Services, identifier: str) -> Explanation:
    """Explain a backtest, also one that was never launched."""
    found = find_backtest(services, identifier)
    if isinstance(found, BacktestAnswer):
        with postgres():
            batch = get_batch(services.engine, services.settings.realm, found.batch_uid)
            facts = read_backtest_facts(services.engine, identifier)
        assert facts is not None, "a launched backtest has a row"
    else:
        batch, combination = found
        is_over = batch.record.state is BatchState.FINISHED
        state = BacktestState.CANCELLED if is_over else BacktestState.QUEUED
        facts = explaining.BacktestFacts(index=combination.index, state=state)
    return _answer(identifier, facts.state, explaining.explain_backtest(batch.record, facts, services.now()))


def _explain_pending(batch: ClusterBatch) -> Explanation:
    described = describe_pending(batch)
    if described.finish:
        summary = f"The operator refused the batch ({described.finish.reason}): {described.finish.message}"
        step = "Correct the spec: the operator looks at it again when it is edited."
    else:
        summary = f"The batch waits: {described.message}."
        step = "The operator validates it in its next pass. If it stays, see whether the operator runs."
    return Explanation(
        id=batch.uid, state=described.state, summary=summary, facts=[], next=[NextStep(what=step, at=None)]
    )


def _answer(identifier: str, state: str, found: explaining.Explanation) -> Explanation:
    return Explanation(
        id=identifier,
        state=str(state),
        summary=found.summary,
        facts=list(found.facts),
        next=[NextStep(what=each.what, at=each.at) for each in found.steps],
    )

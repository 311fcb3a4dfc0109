"""Compares backtests: what differs in their parameters, who is best in each metric, and whether figures compare at all. Pure."""

from collections.abc import Sequence

from backfleet.core.backtests import PROVENANCE_ENGINE, PROVENANCE_VERSION
from backfleet.core.metrics import METRICS
from backfleet.core.ranking import Direction, natural_direction
from backfleet.store.queries.answers import BacktestAnswer, BatchAnswer
from backfleet_api.reading.answers import finite
from backfleet_api.schemas.catalog import Compared, ComparedMetric, ComparedParameter, Comparison

Pair = tuple[BatchAnswer, BacktestAnswer]


def compare(pairs: Sequence[Pair]) -> Comparison:
    """Compare backtests, each with its batch, in the given order."""
    names = dict.fromkeys(name for _, found in pairs for name in found.backtest.combination.texts)
    return Comparison(
        backtests=[_describe(batch, found) for batch, found in pairs],
        parameters=[_parameter(name, pairs) for name in names],
        metrics=[_metric(name, pairs) for name in METRICS],
        warnings=_warnings(pairs),
    )


def _describe(batch: BatchAnswer, found: BacktestAnswer) -> Compared:
    result = found.result
    return Compared(
        backtest_id=found.backtest.id,
        batch_id=found.batch_uid,
        batch_name=found.batch_name,
        strategy=batch.strategy,
        engine=batch.engine,
        engine_version=result.provenance.get(PROVENANCE_VERSION) if result else None,
        state=found.backtest.state,
        passed=result.passed if result else None,
        rejections=list(result.rejections) if result else [],
    )


def _parameter(name: str, pairs: Sequence[Pair]) -> ComparedParameter:
    texts = [found.backtest.combination.texts.get(name) for _, found in pairs]
    return ComparedParameter(name=name, texts=texts, is_different=len(set(texts)) > 1)


def _metric(name: str, pairs: Sequence[Pair]) -> ComparedMetric:
    values = [finite(found.result.metrics.get(name)) if found.result else None for _, found in pairs]
    present = [value for value in values if value is not None]
    best = (max if natural_direction(name) is Direction.MAXIMIZE else min)(present, default=None)
    places = [place for place, value in enumerate(values) if value is not None and value == best]
    return ComparedMetric(name=name, values=values, best=places)


def _warnings(pairs: Sequence[Pair]) -> list[str]:
    computed = {
        (
            found.result.provenance.get(PROVENANCE_ENGINE) or batch.engine,
            found.result.provenance.get(PROVENANCE_VERSION),
        )
        for batch, found in pairs
        if found.result
    }
    warnings = []
    if len(computed) > 1:
        shown = ", ".join(sorted(f"{engine} {version or 'of an unknown version'}" for engine, version in computed))
        warnings.append(
            f"the results are of several engines or versions, {shown}: figures may differ for that reason alone"
        )
    for what, field in (("periods", ("startDate", "endDate")), ("symbols", ("symbols",)), ("cash", ("initialCash",))):
        data = [batch.record.spec.get("data") or {} for batch, _ in pairs]
        if len({str([each.get(name) for name in field]) for each in data}) > 1:
            warnings.append(f"the batches have different {what}: see `spec.data` of each")
    return warnings

"""Selects the columns and fields of an answer that people see, and their order."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backfleet.core.backtests import PROVENANCE_IMAGE, PROVENANCE_VERSION
from backfleet.core.metrics import METRICS, as_shown
from backfleet_client.output import Cell, Row, clean, render_fields, render_table

if TYPE_CHECKING:
    from backfleet_api.schemas.reading import Attempt, Backtest, Batch, BatchSummary, Finding, Metrics, RankedResult
    from backfleet_api.schemas.writing import Preview, PreviewedCombination, Submitted

Table = tuple[list[str], list[Row]]
SHOWN_METRICS = ("sharpe_ratio", "net_profit", "drawdown", "total_trades", "win_rate")


def batch_rows(batches: "Sequence[BatchSummary]") -> Table:
    """Return one row per batch."""
    header = ["NAME", "STATE", "PROGRESS", "ACTIVE", "FAILED", "PASSED", "BEST", "STRATEGY", "ACCEPTED", "BATCH"]
    return header, [
        (
            batch.name,
            batch.state.value,
            batch.progress,
            batch.counts.active,
            batch.counts.failed,
            batch.counts.passed,
            as_shown(batch.objective.metric, batch.best.value) if batch.best else None,
            batch.strategy,
            batch.accepted_at,
            batch.batch_id,
        )
        for batch in batches
    ]


def batch_text(batch: "Batch") -> str:
    """Describe a batch, without its spec."""
    fields: dict[str, Cell] = {
        "batch": batch.batch_id,
        "name": f"{batch.namespace}/{batch.name}",
        "state": batch.state.value,
        "finish": f"{batch.finish.reason}: {batch.finish.message}" if batch.finish else None,
        "message": batch.message,
        "strategy": f"{batch.strategy} ({batch.engine})",
        "objective": f"{batch.objective.direction.value} {batch.objective.metric}",
        "criteria": " ".join(f"{name}={bound}" for name, bound in batch.criteria.items()),
        "progress": batch.progress,
    }
    if batch.stale_verdicts:
        fields["stale"] = (
            f"{batch.stale_verdicts} results wait for a verdict by version {batch.criteria_version} of the criteria"
        )
    if batch.engine_versions:
        fields["version"] = ", ".join(batch.engine_versions)
    if batch.warnings:
        fields["warning"] = "; ".join(batch.warnings)
    fields |= batch.counts.model_dump(exclude={"total"})
    if batch.advice:
        fields["advice"] = "; ".join(batch.advice)
    fields["at once"] = batch.max_concurrent
    if batch.backtests_per_job != 1:
        fields["per Job"] = batch.backtests_per_job
    if batch.best:
        fields["best"] = f"{as_shown(batch.objective.metric, batch.best.value):.6g} at index {batch.best.index}"
        fields |= {f"  {name}": text for name, text in batch.best.parameters.texts.items()}
    fields |= {
        "accepted": batch.accepted_at,
        "started": batch.started_at,
        "pace": batch.pace,
        "estimated finish": batch.estimated_finish_at,
        "finished": batch.finished_at,
    }
    return render_fields(fields)


def result_rows(results: "Sequence[RankedResult]", order_metric: str) -> Table:
    """Return rank, parameters and the most important metrics of each result."""
    names = list(results[0].parameters.texts) if results else []
    metrics = list(dict.fromkeys([order_metric, *SHOWN_METRICS]))
    header = ["RANK", "INDEX", *names, *(metric.upper() for metric in metrics), "VERSION", "PASSED", "REJECTIONS"]
    return header, [
        (
            result.rank,
            result.index,
            *(result.parameters.texts.get(name) for name in names),
            *(_shown_figure(metric, result.metrics.get(metric)) for metric in metrics),
            result.engine_version,
            result.passed,
            ",".join(result.rejections),
        )
        for result in results
    ]


def result_rows_in_full(results: "Sequence[RankedResult]") -> Table:
    """Return everything, for programs. Every known metric has a column, even if it is empty."""
    names = list(results[0].parameters.texts) if results else []
    header = [
        "rank",
        "index",
        "backtest_id",
        *names,
        *METRICS,
        "passed",
        "rejections",
        "engine_version",
        "engine_image",
    ]
    return header, [
        (
            result.rank,
            result.index,
            result.backtest_id,
            *(result.parameters.texts.get(name) for name in names),
            *(result.metrics.get(metric) for metric in METRICS),
            result.passed,
            ",".join(result.rejections),
            result.engine_version,
            result.engine_image,
        )
        for result in results
    ]


def backtest_text(backtest: "Backtest") -> str:
    """Describe the parameters, the attempts and, if there is one, the result of a backtest."""
    head: dict[str, Cell] = {
        "backtest": backtest.backtest_id,
        "batch": backtest.batch_name,
        "state": backtest.state.value,
    }
    parts = [render_fields({**head, **{f"  {name}": text for name, text in backtest.parameters.texts.items()}})]
    if backtest.attempts:
        parts.append(render_table(*_attempt_rows(backtest.attempts)))
    if backtest.result:
        verdict: dict[str, Cell] = {
            "passed": backtest.result.passed,
            "rejections": ",".join(backtest.result.rejections),
            "engine version": backtest.result.provenance.get(PROVENANCE_VERSION),
            "engine image": backtest.result.provenance.get(PROVENANCE_IMAGE),
        }
        parts.append(render_fields({**_shown_figures(backtest.result.metrics), **verdict}))
        parts += [f"warning: {clean(warning)}" for warning in backtest.result.warnings]
        if backtest.result.analysis:
            parts.append(_analysis_text(backtest.result.analysis))
    return "\n\n".join(parts)


def _shown_figures(metrics: "Metrics") -> dict[str, Cell]:
    return {metric: _shown_figure(metric, value) for metric, value in metrics.items()}


def _shown_figure(metric: str, value: float | None) -> float | None:
    return None if value is None else as_shown(metric, value)


def _analysis_text(findings: Sequence["Finding"]) -> str:
    """List the engine's own findings under a heading."""
    lines = []
    for finding in findings:
        times = f" ({finding.count} times)" if finding.count is not None else ""
        sample = f" First: {finding.sample}" if finding.sample else ""
        lines.append(clean(f"  {finding.name}{times}: {finding.issue}{sample}"))
    return "\n".join(["the engine's analysis:", *lines])


def submitted_text(made: "Submitted") -> str:
    """Describe the created batch in one line."""
    verb = "created" if made.is_new else "already exists from the same request"
    total = "the number of backtests is not known yet" if made.total is None else f"{made.total} backtests"
    return clean(f"{made.namespace}/{made.name} {verb}: {total}, {made.max_concurrent} at once, batch {made.batch_id}")


def preview_text(found: "Preview") -> str:
    """Describe what a batch would be."""
    estimate = found.estimate
    fields: dict[str, Cell] = {
        "backtests": found.total,
        "combinations": found.combinations,
        "at once": found.max_concurrent,
        "estimated seconds": estimate.seconds if estimate else None,
        "seconds per backtest": estimate.seconds_per_backtest if estimate else None,
    }
    fields |= _combination_fields("first", found.first) | _combination_fields("last", found.last)
    warnings = [f"warning: {clean(warning)}" for warning in found.warnings]
    return "\n".join([render_fields(fields), *warnings, "nothing was created"])


def _combination_fields(name: str, combination: "PreviewedCombination | None") -> dict[str, Cell]:
    if combination is None:
        return {name: None}
    texts = " ".join(f"{key}={text}" for key, text in combination.parameters.texts.items())
    return {name: f"index {combination.index}: {texts}"}


def _attempt_rows(attempts: "Sequence[Attempt]") -> Table:
    header = ["ATTEMPT", "LAUNCHED", "ENDED", "EXIT", "REASON", "MESSAGE"]
    return header, [
        (each.number, each.launched_at, each.ended_at, each.exit_code, each.reason, each.message) for each in attempts
    ]

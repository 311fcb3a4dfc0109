"""The success criteria of a batch, and the verdict on a result's metrics."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from backfleet.core.errors import SpecInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessCriteria:
    """What a result must meet. None does not apply. Ratios are fractions, not percents."""

    min_trades: int | None = None
    max_trades: int | None = None
    min_sharpe: float | None = None
    max_drawdown: float | None = None
    min_win_rate: float | None = None
    min_avg_win: float | None = None
    min_psr: float | None = None
    max_fee_share: float | None = None
    min_comparable_sharpe: float | None = None
    min_comparable_sortino: float | None = None
    max_comparable_drawdown: float | None = None
    max_comparable_deviation: float | None = None

    def to_json(self) -> dict[str, int | float]:
        """Return the criteria that are set, with the custom resource's field names. `from_json` reads them back equal."""
        values = asdict(self)
        return {rule.wire_name: values[rule.field] for rule in RULES if values[rule.field] is not None}

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "SuccessCriteria":
        """Read what `to_json` made. Absent and null mean the same."""
        return SuccessCriteria(**{rule.field: body.get(rule.wire_name) for rule in RULES})


@dataclass(frozen=True, slots=True)
class Rule:
    """One criterion: a floor or a ceiling of a metric, and the rejection's code (API)."""

    field: str
    wire_name: str
    metric: str
    is_floor: bool
    rejection: str


RULES = (
    Rule("min_trades", "minTrades", "total_trades", True, "insufficient_trades"),
    Rule("max_trades", "maxTrades", "total_trades", False, "too_many_trades"),
    Rule("min_sharpe", "minSharpe", "sharpe_ratio", True, "low_sharpe_ratio"),
    Rule("max_drawdown", "maxDrawdown", "drawdown", False, "high_drawdown"),
    Rule("min_win_rate", "minWinRate", "win_rate", True, "low_win_rate"),
    Rule("min_avg_win", "minAvgWin", "average_win", True, "low_average_win"),
    Rule("min_psr", "minPsr", "probabilistic_sharpe_ratio", True, "low_psr"),
    Rule("max_fee_share", "maxFeeShare", "fee_share", False, "high_fees"),
    Rule(
        "min_comparable_sharpe", "minComparableSharpe", "comparable_sharpe_ratio", True, "low_comparable_sharpe_ratio"
    ),
    Rule(
        "min_comparable_sortino",
        "minComparableSortino",
        "comparable_sortino_ratio",
        True,
        "low_comparable_sortino_ratio",
    ),
    Rule("max_comparable_drawdown", "maxComparableDrawdown", "comparable_drawdown", False, "high_comparable_drawdown"),
    Rule(
        "max_comparable_deviation",
        "maxComparableDeviation",
        "comparable_annual_standard_deviation",
        False,
        "high_comparable_deviation",
    ),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a result meets the criteria, and its rejections if not, in the order of `RULES`."""

    passed: bool
    rejections: tuple[str, ...] = ()


def judge(metrics: Mapping[str, float | int | None], criteria: SuccessCriteria) -> Verdict:
    """Judge metrics by criteria, including the bounds. An absent metric (or NaN) fails its criterion."""
    rejections = tuple(
        rule.rejection for rule in RULES if not _is_met(rule, metrics.get(rule.metric), getattr(criteria, rule.field))
    )
    return Verdict(passed=not rejections, rejections=rejections)


def _is_met(rule: Rule, measured: float | int | None, bound: float | int | None) -> bool:
    if bound is None:
        return True
    if measured is None or not math.isfinite(measured):
        return False
    return measured >= bound if rule.is_floor else measured <= bound


def check_bounds(criteria: SuccessCriteria) -> None:
    """Raise SpecInvalid if bounds exclude each other, so that nothing could pass."""
    least, most = criteria.min_trades, criteria.max_trades
    if least is not None and most is not None and least > most:
        raise SpecInvalid(
            "spec.successCriteria.maxTrades",
            f"{most} is below minTrades {least}, so nothing could pass",
            "raise maxTrades or lower minTrades",
        )


def merge(batch: SuccessCriteria | None, strategy: SuccessCriteria | None, default: SuccessCriteria) -> SuccessCriteria:
    """Return the effective criteria: the batch's, else the strategy's, else the default, always one whole set.

    Sets are never mixed: a strategy without a bound on fees must not inherit the default's, and if a batch sets one
    criterion, only that one applies. An empty set passes everything.
    """
    if batch is not None:
        return batch
    return strategy if strategy is not None else default

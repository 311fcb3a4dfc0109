"""Our metrics from LEAN's figures. Each metric comes from the field with more digits, or from the other field without it.

Win rate, average win and average loss are computed from the closed trades if the full result has them. LEAN's own figures are
kept as `lean_win_rate` and so on. A figure that LEAN did not compute is absent (`engines.lean.placeholders`).

LEAN writes `statistics` with two or three decimals (a percent with three has five as a fraction) and `portfolioStatistics` with
four. docs/metrics.md has the same table for readers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

from backfleet.core.metrics import METRICS, OWN_OF_LEAN, Unit, fee_share
from backfleet.engines.comparable import comparable_figures
from backfleet.engines.files import clean_text
from backfleet.engines.lean.curve import daily_returns
from backfleet.engines.lean.document import Document
from backfleet.engines.lean.placeholders import correct
from backfleet.engines.lean.statistics import Form, StatisticUnreadable, parse_statistic
from backfleet.engines.lean.trading import trade_rates
from backfleet.engines.risk_free import NO_RATE, RiskFreeRates

Number = float | int | None

STATISTICS = "statistics"
RUNTIME = "runtimeStatistics"
PORTFOLIO = "portfolioStatistics"
TRADES = "tradeStatistics"


@dataclass(frozen=True, slots=True)
class Source:
    """A field of a document, and the form of its text."""

    place: str
    field: str
    form: Form


SOURCES: Mapping[str, tuple[Source, ...]] = {
    "sharpe_ratio": (
        Source(PORTFOLIO, "sharpeRatio", Form.NUMBER),
        Source(STATISTICS, "Sharpe Ratio", Form.NUMBER),
    ),
    "sortino_ratio": (
        Source(PORTFOLIO, "sortinoRatio", Form.NUMBER),
        Source(STATISTICS, "Sortino Ratio", Form.NUMBER),
    ),
    "probabilistic_sharpe_ratio": (
        Source(STATISTICS, "Probabilistic Sharpe Ratio", Form.PERCENT),
        Source(PORTFOLIO, "probabilisticSharpeRatio", Form.NUMBER),
    ),
    "net_profit": (
        Source(STATISTICS, "Net Profit", Form.PERCENT),
        Source(PORTFOLIO, "totalNetProfit", Form.NUMBER),
    ),
    "annual_return": (
        Source(STATISTICS, "Compounding Annual Return", Form.PERCENT),
        Source(PORTFOLIO, "compoundingAnnualReturn", Form.NUMBER),
    ),
    "drawdown": (
        Source(STATISTICS, "Drawdown", Form.PERCENT),
        Source(PORTFOLIO, "drawdown", Form.NUMBER),
    ),
    "annual_standard_deviation": (
        Source(PORTFOLIO, "annualStandardDeviation", Form.NUMBER),
        Source(STATISTICS, "Annual Standard Deviation", Form.NUMBER),
    ),
    "total_orders": (
        Source(STATISTICS, "Total Orders", Form.COUNT),
        Source(STATISTICS, "Total Trades", Form.COUNT),
    ),
    "total_trades": (Source(TRADES, "totalNumberOfTrades", Form.COUNT),),
    "win_rate": (
        Source(PORTFOLIO, "winRate", Form.NUMBER),
        Source(STATISTICS, "Win Rate", Form.PERCENT),
    ),
    "average_win": (
        Source(PORTFOLIO, "averageWinRate", Form.NUMBER),
        Source(STATISTICS, "Average Win", Form.PERCENT),
    ),
    "average_loss": (
        Source(PORTFOLIO, "averageLossRate", Form.NUMBER),
        Source(STATISTICS, "Average Loss", Form.PERCENT),
    ),
    "profit_loss_ratio": (
        Source(PORTFOLIO, "profitLossRatio", Form.NUMBER),
        Source(STATISTICS, "Profit-Loss Ratio", Form.NUMBER),
    ),
    "total_fees": (Source(STATISTICS, "Total Fees", Form.MONEY),),
    "gross_profit": (Source(TRADES, "totalProfit", Form.MONEY),),
    "start_equity": (
        Source(PORTFOLIO, "startEquity", Form.MONEY),
        Source(STATISTICS, "Start Equity", Form.MONEY),
    ),
    "end_equity": (
        Source(PORTFOLIO, "endEquity", Form.MONEY),
        Source(STATISTICS, "End Equity", Form.MONEY),
        Source(RUNTIME, "Equity", Form.MONEY),
    ),
}


@dataclass(frozen=True, slots=True)
class LeanMetrics:
    """All of `core.metrics.METRICS`, and a warning for every unreadable text."""

    metrics: Mapping[str, Number]
    warnings: tuple[str, ...] = ()


def measure(document: Document, whole: Document | None = None, rates: RiskFreeRates | None = None) -> LeanMetrics:
    """Compute the metrics of a document. A figure that is missing or unreadable is None.

    `whole` is the full result if that is another document: only it has closed trades and daily returns. `rates` are the
    risk-free rates of the comparable figures.
    """
    whole = whole or document
    warnings: list[str] = []
    exact = {metric: _first(document, sources, warnings) for metric, sources in SOURCES.items()}
    warnings += correct(exact, document.portfolio, len(whole.returns) if whole.returns else None)
    values = {metric: _number(metric, exact.get(metric)) for metric in METRICS}
    values |= {own: values[name] for name, own in OWN_OF_LEAN.items()}
    values |= trade_rates(whole.closed_trades or (), values["start_equity"])
    values |= comparable_figures(daily_returns(whole.returns), rates or NO_RATE)
    values["fee_share"] = fee_share(values["total_fees"], values["gross_profit"])
    # Each trade and return is finite, but what is computed from them may overflow.
    return LeanMetrics({name: each if _is_figure(each) else None for name, each in values.items()}, tuple(warnings))


def _is_figure(value: Number) -> bool:
    return value is not None and isfinite(value)


def _first(document: Document, sources: tuple[Source, ...], warnings: list[str]) -> Decimal | None:
    places = {
        STATISTICS: document.statistics,
        RUNTIME: document.runtime_statistics,
        PORTFOLIO: document.portfolio,
        TRADES: document.trades,
    }
    currency = document.configuration.account_currency if document.configuration else None
    for source in sources:
        try:
            value = parse_statistic(places[source.place].get(source.field, ""), source.form, currency)
        except StatisticUnreadable as problem:
            warnings.append(clean_text(f"{source.place} {source.field!r}: {problem}", 300))
            continue
        if value is not None:
            return value
    return None


def _number(metric: str, value: Decimal | None) -> Number:
    if value is None:
        return None
    if METRICS[metric].unit is Unit.COUNT:
        return int(value)
    number = float(value) + 0.0  # a zero without a sign
    return number if isfinite(number) else None

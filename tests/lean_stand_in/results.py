"""LEAN's result in its present layout, from what `bars` measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from backfleet.core.backtests import Result

FIGURES = {
    "averageWinRate": "average_win",
    "averageLossRate": "average_loss",
    "profitLossRatio": "profit_loss_ratio",
    "winRate": "win_rate",
    "startEquity": "start_equity",
    "endEquity": "end_equity",
    "compoundingAnnualReturn": "annual_return",
    "drawdown": "drawdown",
    "totalNetProfit": "net_profit",
    "sharpeRatio": "sharpe_ratio",
    "probabilisticSharpeRatio": "probabilistic_sharpe_ratio",
    "sortinoRatio": "sortino_ratio",
    "annualStandardDeviation": "annual_standard_deviation",
}
"""Fields of portfolioStatistics: texts of at most four places."""
TEXTS = {
    "Total Orders": "{total_orders:d}",
    "Average Win": "{average_win:.2%}",
    "Average Loss": "{average_loss:.2%}",
    "Compounding Annual Return": "{annual_return:.3%}",
    "Drawdown": "{drawdown:.3%}",
    "Expectancy": "0",
    "Start Equity": "{start_equity:.2f}",
    "End Equity": "{end_equity:.2f}",
    "Net Profit": "{net_profit:.3%}",
    "Sharpe Ratio": "{sharpe_ratio:.3f}",
    "Sortino Ratio": "{sortino_ratio:.3f}",
    "Probabilistic Sharpe Ratio": "{probabilistic_sharpe_ratio:.3%}",
    "Win Rate": "{win_rate:.0%}",
    "Profit-Loss Ratio": "{profit_loss_ratio:.2f}",
    "Alpha": "0",
    "Beta": "0",
    "Annual Standard Deviation": "{annual_standard_deviation:.3f}",
    "Total Fees": "${total_fees:.2f}",
    "Estimated Strategy Capacity": "$0",
    "Lowest Capacity Asset": "",
    "Portfolio Turnover": "0%",
    "Drawdown Recovery": "0",
}


@dataclass(kw_only=True)
class Run:
    """One run while it goes on and when it is over."""

    configuration: Mapping[str, Any]
    started_at: datetime
    metrics: dict[str, Any] = field(default_factory=dict)
    equity: list[list[float]] = field(default_factory=list)
    benchmark: list[list[float]] = field(default_factory=list)
    refused: str = ""
    """LEAN's reason, where the first order was refused."""
    analysis: list[dict[str, Any]] = field(default_factory=list)
    days: tuple[str, str] = ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z")
    error: str = ""
    status: str = "Completed"
    is_started: bool = True
    """False when the algorithm failed to initialize: then there are no statistics."""

    def measure(self, result: Result) -> None:
        """Take in what `bars` measured; LEAN writes 0 where there is nothing to measure."""
        self.metrics = {name: value or 0 for name, value in result.metrics.items()}
        self.equity = [
            [int(datetime.combine(day, time(21), UTC).timestamp()), *[round(value, 2)] * 4]
            for day, value in result.equity_curve
        ]


def document(run: Run, *, is_final: bool, is_summary: bool = False) -> dict[str, Any]:
    """Return the result's JSON; an intermediate version has no statistics, no end and no configuration."""
    has_statistics = is_final and run.is_started
    body: dict[str, Any] = {
        "rollingWindow": {},
        "totalPerformance": performance(run) if is_final else None,
        "charts": charts(run) if run.is_started else {},
        "statistics": statistics(run) if has_statistics else {},
        "runtimeStatistics": runtime(run) if has_statistics else {},
        "state": state(run, is_final),
    }
    if not is_summary:
        body |= {"orders": orders(run), "profitLoss": {}, "analysis": run.analysis}
    if is_final:
        body["algorithmConfiguration"] = configuration(run)
    return body


def statistics(run: Run) -> dict[str, str]:
    metrics = {"total_orders": 0, **dict.fromkeys(FIGURES.values(), 0), "total_fees": 0} | run.metrics
    return {name: text.format(**metrics) for name, text in TEXTS.items()}


def performance(run: Run) -> dict[str, Any]:
    metrics = run.metrics
    trades = int(metrics.get("total_trades", 0))
    return {
        "tradeStatistics": {
            "startDateTime": None,
            "totalNumberOfTrades": trades,
            "totalProfit": decimal(metrics.get("gross_profit", 0)),
            "totalFees": decimal(metrics.get("total_fees", 0)),
            "averageTradeDuration": "00:00:00",
        },
        "portfolioStatistics": {name: decimal(metrics.get(metric, 0)) for name, metric in FIGURES.items()},
        "closedTrades": [],
    }


def decimal(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def charts(run: Run) -> dict[str, Any]:
    series = {"name": "Equity", "unit": "$", "index": 0, "seriesType": 2, "values": run.equity}
    benchmark = {"name": "Benchmark", "unit": "$", "index": 0, "seriesType": 0, "values": run.benchmark}
    return {
        "Strategy Equity": {"name": "Strategy Equity", "chartType": 0, "series": {"Equity": series}},
        "Benchmark": {"name": "Benchmark", "chartType": 0, "series": {"Benchmark": benchmark}},
    }


def runtime(run: Run) -> dict[str, str]:
    end = run.metrics.get("end_equity", 0)
    return {"Equity": f"${end:,.2f}", "Fees": f"-${run.metrics.get('total_fees', 0):.2f}", "Volume": "$0.00"}


def state(run: Run, is_final: bool) -> dict[str, str]:
    return {
        "StartTime": stamp(run.started_at),
        "EndTime": stamp(datetime.now(UTC)) if is_final else "",
        "RuntimeError": run.error,
        "StackTrace": run.error.partition("\n")[0],
        "LogCount": "0",
        "OrderCount": str(run.metrics.get("total_orders", 0)),
        "InsightCount": "0",
        "Name": str(run.configuration.get("backtest-name", "local")),
        "Hostname": "stand-in",
        "Status": run.status if is_final else "Running",
    }


def configuration(run: Run) -> dict[str, Any]:
    """Return what the algorithm ran with: all parameters that the file had, read or not."""
    body = {
        "name": run.configuration.get("backtest-name"),
        "tags": [],
        "accountCurrency": "USD",
        "brokerage": 0,
        "accountType": 0,
        "parameters": run.configuration["parameters"],
        "startDate": run.days[0],
        "endDate": run.days[1],
        "tradingDaysPerYear": 252,
    }
    if not run.is_started:
        body |= {"name": None, "tags": None, "parameters": None}
        del body["accountCurrency"]
    return body


def orders(run: Run) -> dict[str, Any]:
    return {
        str(number): {
            "type": 0,
            "id": number,
            "quantity": 1.0,
            "status": status_of(run, number),
            "direction": (number + 1) % 2,
        }
        for number in range(1, int(run.metrics.get("total_orders", 0)) + 1)
    }


def status_of(run: Run, number: int) -> int:
    """Return the status: filled, or invalid."""
    return 7 if run.refused and number == 1 else 3


def order_events(run: Run) -> list[dict[str, Any]]:
    """Return a list, not an object, with two events for each order."""
    first = [{"orderId": 1, "orderEventId": 1, "status": "invalid", "message": run.refused}] if run.refused else []
    return first + [
        {"algorithmId": run.configuration["algorithm-id"], "orderId": number, "orderEventId": event, "status": status}
        for number in range(1, int(run.metrics.get("total_orders", 0)) + 1)
        for event, status in ((1, "submitted"), (2, "filled"))
        if status_of(run, number) == 3
    ]


def monitor_report(failed: int, succeeded: int) -> dict[str, Any]:
    total = failed + succeeded
    return {
        "succeeded-data-requests-count": succeeded,
        "failed-data-requests-count": failed,
        "succeeded-universe-data-requests-count": 0,
        "failed-universe-data-requests-count": 0,
        "total-data-requests-count": total,
        "failed-data-requests-percentage": 100 * failed / total if total else 0.0,
        "total-universe-data-requests-count": 0,
        "failed-universe-data-requests-percentage": 0.0,
        "data-request-rates": [],
    }


def daily_benchmark(first: date, last: date, moves_until: date) -> list[list[float]]:
    """Return a value at the midnight after each day. It moves until its data ends."""
    days = [first + timedelta(number) for number in range((last - first).days + 1)]
    stamps = [int(datetime.combine(day + timedelta(1), time(5), UTC).timestamp()) for day in days]
    return [[stamp, 100.0 + (min(day, moves_until) - first).days] for stamp, day in zip(stamps, days, strict=True)]


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"

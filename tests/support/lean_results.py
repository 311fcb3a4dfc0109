"""Result files in LEAN's two layouts, small and made up, so that a test states only what matters.

The shapes are LEAN's (names, texts with their decimals, numbers as JSON strings); the figures are nobody's.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backfleet.core import wire
from backfleet.engines.lean.layout import (
    FAILED_REQUESTS_PREFIX,
    LOG_FILE,
    MONITOR_REPORT_PREFIX,
    RESULT_FILE,
    SUCCEEDED_REQUESTS_PREFIX,
    SUMMARY_FILE,
)

START = datetime(2020, 1, 1, 5, tzinfo=UTC)
DAYS = 366
JSON = dict[str, Any]

STATISTICS: Mapping[str, str] = {
    "Total Orders": "41",
    "Average Win": "1.23%",
    "Average Loss": "-0.77%",
    "Compounding Annual Return": "12.345%",
    "Drawdown": "7.100%",
    "Expectancy": "0.321",
    "Start Equity": "250000",
    "End Equity": "280862.5",
    "Net Profit": "12.345%",
    "Sharpe Ratio": "0.912",
    "Sortino Ratio": "1.204",
    "Probabilistic Sharpe Ratio": "44.321%",
    "Loss Rate": "35%",
    "Win Rate": "65%",
    "Profit-Loss Ratio": "1.60",
    "Alpha": "0.05",
    "Beta": "0.31",
    "Annual Standard Deviation": "0.113",
    "Annual Variance": "0.013",
    "Information Ratio": "-0.2",
    "Tracking Error": "0.14",
    "Treynor Ratio": "0.33",
    "Total Fees": "$41.55",
    "Estimated Strategy Capacity": "$7200000.00",
    "Lowest Capacity Asset": "SPY R735QTJ8XC9X",
    "Portfolio Turnover": "3.10%",
    "Drawdown Recovery": "12",
}
PORTFOLIO: JSON = {
    "averageWinRate": "0.0123",
    "averageLossRate": "-0.0077",
    "profitLossRatio": "1.5974",
    "winRate": "0.6471",
    "lossRate": "0.3529",
    "startEquity": "250000",
    "endEquity": "280862.5",
    "compoundingAnnualReturn": "0.1234",
    "drawdown": "0.071",
    "totalNetProfit": "0.1235",
    "sharpeRatio": "0.9123",
    "probabilisticSharpeRatio": "0.4432",
    "sortinoRatio": "1.2041",
    "annualStandardDeviation": "0.1128",
}
TRADES: JSON = {
    "startDateTime": "2020-01-06T14:31:00Z",
    "totalNumberOfTrades": 20,
    "totalProfit": "55400.25",
    "averageTradeDuration": "3.11:41:11.5384616",
    "totalFees": "40.50",
}
STATE: Mapping[str, str] = {
    "StartTime": "2026-01-02T10:00:00Z",
    "EndTime": "2026-01-02T10:00:09Z",
    "RuntimeError": "",
    "StackTrace": "",
    "LogCount": "4",
    "OrderCount": "41",
    "Name": "local",
    "Status": "Completed",
}
CONFIGURATION: dict[str, Any] = {
    "name": "local",
    "accountCurrency": "USD",
    "parameters": {
        "rsi_period": "14",
        wire.PARAMETER_SYMBOLS: "AAPL",
        wire.PARAMETER_START_DATE: "2020-01-01",
        wire.PARAMETER_END_DATE: "2020-12-31",
        wire.PARAMETER_INITIAL_CASH: "1000",
    },
    "startDate": "2020-01-01T00:00:00Z",
    "endDate": "2020-12-31T23:59:59Z",
    "tradingDaysPerYear": 252,
}
ZEROS: Mapping[str, str] = {
    key: "0%" if "%" in text else "$0.00" if "$" in text else "0" for key, text in STATISTICS.items()
} | {"Lowest Capacity Asset": "", "Start Equity": "250000", "End Equity": "250000"}
"""Statistics of a run without orders."""
ZERO_PORTFOLIO: Mapping[str, str] = dict.fromkeys(PORTFOLIO, "0") | {"startEquity": "250000", "endEquity": "250000"}
ZERO_TRADES: Mapping[str, Any] = {"startDateTime": None, "totalNumberOfTrades": 0, "totalProfit": "0", "totalFees": "0"}


def make_result(**changes: Any) -> JSON:
    """Make a result of today's layout. A change replaces a whole part, and None removes it."""
    body: JSON = {
        "rollingWindow": {},
        "totalPerformance": {"tradeStatistics": TRADES, "portfolioStatistics": PORTFOLIO, "closedTrades": []},
        "charts": {"Strategy Equity": {"series": {"Equity": {"name": "Equity", "values": equity_values()}}}},
        "orders": {},
        "profitLoss": {},
        "statistics": STATISTICS,
        "runtimeStatistics": {"Equity": "$280,862.50", "Fees": "-$41.55", "Return": "12.35 %"},
        "state": STATE,
        "algorithmConfiguration": CONFIGURATION,
    } | changes
    return {key: value for key, value in body.items() if value is not None}


def make_performance(portfolio: Mapping[str, Any] = PORTFOLIO, trades: Mapping[str, Any] = TRADES) -> JSON:
    return {"tradeStatistics": dict(trades), "portfolioStatistics": dict(portfolio), "closedTrades": []}


def make_empty_run(**changes: Any) -> JSON:
    """Make a result that completed without an order."""
    values = [[stamp(0), *[250000.0] * 4], [stamp(DAYS - 1), *[250000.0] * 4]]
    charts = {"Strategy Equity": {"series": {"Equity": {"values": values}}}}
    performance = make_performance(ZERO_PORTFOLIO, ZERO_TRADES)
    return make_result(**({"statistics": ZEROS, "totalPerformance": performance, "charts": charts} | changes))


def make_old_result(**changes: Any) -> JSON:
    """Make the layout before 2022-08: PascalCase, "Total Trades", no state, no configuration, no equities."""
    statistics = {"Total Trades": "41"} | {
        key: text for key, text in STATISTICS.items() if key not in ("Total Orders", "Start Equity", "End Equity")
    }
    portfolio = {key: text for key, text in PORTFOLIO.items() if not key.endswith("Equity")}
    points = [{"x": value[0], "y": value[-1]} for value in equity_values()]
    body: JSON = {
        "TotalPerformance": {"TradeStatistics": pascal(TRADES), "PortfolioStatistics": pascal(portfolio)},
        "Charts": {"Strategy Equity": {"Series": {"Equity": {"Name": "Equity", "Values": points}}}},
        "Orders": {},
        "ProfitLoss": {},
        "Statistics": statistics,
        "RuntimeStatistics": {"Equity": "$280,862.50", "Net Profit": "$-1,728.37", "Return": "12.35 %"},
        "AlphaRuntimeStatistics": {},
    } | changes
    return {key: value for key, value in body.items() if value is not None}


def make_intermediate(**changes: Any) -> JSON:
    """Make what LEAN writes every 30 s while it runs."""
    state = {**STATE, "EndTime": "", "Status": "Running"}
    return make_result(**({"statistics": {}, "state": state, "algorithmConfiguration": None} | changes))


def make_failed_start(error: str, **changes: Any) -> JSON:
    """Make what LEAN writes when the algorithm could not be initialized."""
    state = {**STATE, "RuntimeError": error, "StackTrace": error, "Status": "RuntimeError", "OrderCount": "0"}
    configuration = {"parameters": None, "startDate": "0001-01-01T00:00:00Z", "endDate": "0001-01-01T00:00:00Z"}
    parts = {"statistics": {}, "charts": {}, "state": state, "algorithmConfiguration": configuration}
    return make_result(**(parts | changes))


def pascal(body: Mapping[str, Any]) -> JSON:
    return {key[:1].upper() + key[1:]: value for key, value in body.items()}


def stamp(day: int) -> int:
    return int((START + timedelta(days=day)).timestamp())


def equity_values(days: int = DAYS, first: float = 250000.0, last: float = 280862.5) -> list[list[float]]:
    """Return open, high, low and close of every day on a straight line."""
    values = [first + (last - first) * day / max(1, days - 1) for day in range(days)]
    return [[stamp(day), value, value, value, value] for day, value in enumerate(values)]


def write_exit(folder: Path, code: int = 0, oom: int = 0) -> None:
    """Write what the shim leaves."""
    text = f"code={code}\nstarted=1700000000\nfinished=1700000060\noom={oom}\n"
    (folder / wire.SHIM_EXIT_FILE).write_text(text)


def write_json(folder: Path, name: str, body: object) -> None:
    (folder / name).write_text(json.dumps(body, indent=2), encoding="utf-8")


def write_run(folder: Path, full: object = None, summary: object = None, code: int = 0) -> Path:
    """Write a folder as a run leaves it: the exit file, and the results that are given."""
    write_exit(folder, code)
    if full is not None:
        write_json(folder, RESULT_FILE, full)
    if summary is not None:
        write_json(folder, SUMMARY_FILE, summary)
    return folder


def write_monitor_report(folder: Path, total: int, failed: int, **changes: Any) -> None:
    body = {
        "succeeded-data-requests-count": total - failed,
        "failed-data-requests-count": failed,
        "total-data-requests-count": total,
        "failed-data-requests-percentage": round(100 * failed / total) if total else 0,
        "data-request-rates": [],
    } | changes
    write_json(folder, f"{MONITOR_REPORT_PREFIX}20260102100009000.json", body)


def write_requests(folder: Path, succeeded: Sequence[str], failed: Sequence[str]) -> None:
    """Write the two lists of paths that LEAN asked for, each with a time of its own in its name."""
    for prefix, paths in ((SUCCEEDED_REQUESTS_PREFIX, succeeded), (FAILED_REQUESTS_PREFIX, failed)):
        (folder / f"{prefix}20260102100009000.txt").write_text("".join(f"{path}\n" for path in paths))


def write_log(folder: Path, lines: Sequence[str], name: str = LOG_FILE) -> None:
    """Write LEAN's engine log, each line with its time."""
    text = "".join(f"2026-01-02T10:00:0{number % 10}.1234567Z {line}\n" for number, line in enumerate(lines))
    (folder / name).write_text(text, encoding="utf-8")

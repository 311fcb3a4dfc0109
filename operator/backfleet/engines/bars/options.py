"""The options of `backfleet-bars` outside a cluster."""

import argparse
from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from backfleet.core.backtests import BacktestRequest, Prices
from backfleet.engines.bars.strategies import STRATEGIES


def parse_options(arguments: Sequence[str], folder: Path) -> tuple[BacktestRequest, Path]:
    """Parse the request and the results folder. On an error argparse prints it and exits with 2."""
    parser = argparse.ArgumentParser(
        prog="backfleet-bars",
        description="Run one backtest. Without options, read the request from the environment, as in the cluster.",
        epilog=f"strategies: {', '.join(STRATEGIES)}",
    )
    parser.add_argument("--strategy", required=True)
    parser.add_argument("--symbol", required=True, action="append", help="a symbol in the data folder, e.g. AAPL")
    parser.add_argument("--start", required=True, type=date.fromisoformat, metavar="YYYY-MM-DD")
    parser.add_argument("--end", required=True, type=date.fromisoformat, metavar="YYYY-MM-DD")
    parser.add_argument("--cash", type=_money, default=Decimal(1000), help="the initial cash (default: 1000)")
    parser.add_argument(
        "--prices", choices=[each.value for each in Prices], help="the price mode (default: the installation's)"
    )
    parser.add_argument(
        "--set", action="append", default=[], type=_assignment, metavar="NAME=VALUE", dest="parameter_texts"
    )
    parser.add_argument("--results", type=Path, default=folder, metavar="DIR", help="the folder for result.json")
    options = parser.parse_args(arguments)
    request = BacktestRequest(
        engine="bars",
        strategy=options.strategy,
        parameter_texts=dict(options.parameter_texts),
        symbols=tuple(options.symbol),
        start_date=options.start,
        end_date=options.end,
        initial_cash=options.cash,
        prices=Prices(options.prices) if options.prices else None,
    )
    return request, options.results


def _money(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"expected an amount, got {text!r}") from error


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    return name, value

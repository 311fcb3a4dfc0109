"""One backtest as a pure function: a request and its bars in, a result out; the same input gives the same bits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest, Result
from backfleet.engines.bars.fees import Fee, interactive_brokers, parse_fee
from backfleet.engines.bars.market_data import PACKAGED_FOLDER, Bars, day_date, read_bars
from backfleet.engines.bars.metrics import daily_returns, measure, return_blocks
from backfleet.engines.bars.portfolio import Ledger, simulate
from backfleet.engines.bars.strategies import STRATEGIES
from backfleet.engines.program import EngineFailure, InvalidCombination, parse_parameters

ENGINE_NAME = "bars"
ENGINE_VERSION = "2"
"""Of the rules: it changes with any change that may change a result."""
CURVE_POINTS = 200
COVERAGE_SLACK_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsSettings:
    """What an installation may set: fees, annual risk-free rate, and where the market data is."""

    fee: Fee = interactive_brokers
    risk_free_rate: float = 0.0
    data_folder: Path = PACKAGED_FOLDER

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> "BarsSettings":
        """Read the variables; EngineFailure names the one that is wrong."""
        rate = environment.get(wire.ENV_BARS_RISK_FREE_RATE, "0")
        try:
            risk_free_rate = float(rate)
        except ValueError:
            risk_free_rate = 2.0
        if not -1 < risk_free_rate < 1:
            raise EngineFailure(f"{wire.ENV_BARS_RISK_FREE_RATE}: {rate[:40]!r} is not an annual rate such as 0.02")
        folder = environment.get(wire.ENV_DATA_FOLDER)
        return BarsSettings(
            fee=parse_fee(environment.get(wire.ENV_BARS_FEES, "ib")),
            risk_free_rate=risk_free_rate,
            data_folder=Path(folder) if folder else PACKAGED_FOLDER,
        )


def load_bars(request: BacktestRequest, folder: Path = PACKAGED_FOLDER) -> Bars:
    """The bars that a request asks for; InvalidCombination unless it names exactly one symbol."""
    if len(request.symbols) != 1:
        raise InvalidCombination(f"{request.strategy} takes one symbol, the request names {len(request.symbols)}")
    return read_bars(folder, request.symbols[0], request.start_date, request.end_date)


def trade(request: BacktestRequest, bars: Bars, settings: BarsSettings) -> Ledger:
    """Run the strategy over the bars; InvalidCombination for an unknown strategy or parameters that it cannot use."""
    strategy = STRATEGIES.get(request.strategy)
    if strategy is None:
        raise InvalidCombination(f"unknown strategy {request.strategy[:100]!r}; known are {', '.join(STRATEGIES)}")
    values = parse_parameters(strategy.parameters, request.parameters)
    cash = float(request.initial_cash)
    if not 0 < cash <= 1e15:
        raise InvalidCombination(f"initial cash must be above 0 and at most 1e15, is {request.initial_cash}")
    return simulate(bars, strategy.signals(bars, values), cash, settings.fee)


def run(request: BacktestRequest, bars: Bars, settings: BarsSettings | None = None) -> Result:
    """The result of a request over its bars; NoData or InvalidCombination when there is none."""
    settings = settings or BarsSettings()
    ledger = trade(request, bars, settings)
    returns = daily_returns(ledger.equity)
    is_ruined = len(ledger.equity) > 1 and not returns
    days = (day_date(bars.days[-1]) - day_date(bars.days[0])).days
    return Result(
        metrics=measure(ledger, returns, days, settings.risk_free_rate),
        equity_curve=sampled_curve(bars.days, ledger.equity),
        blocks=return_blocks(returns),
        warnings=tuple(_warnings(request, bars, ledger, is_ruined)),
        provenance={
            "engine": ENGINE_NAME,
            "engineVersion": ENGINE_VERSION,
            "strategy": request.strategy,
            "dataFingerprint": bars.fingerprint,
        },
    )


def sampled_curve(days: Sequence[str], equity: Sequence[float]) -> tuple[tuple[date, float], ...]:
    """At most 200 points, evenly spread, the first and the last bar included."""
    last = len(days) - 1
    count = min(len(days), CURVE_POINTS)
    picks = [last * point // (count - 1) for point in range(count)] if count > 1 else [0]
    return tuple((day_date(days[pick]), equity[pick]) for pick in picks)


def _warnings(request: BacktestRequest, bars: Bars, ledger: Ledger, is_ruined: bool) -> list[str]:
    found: list[str] = []
    if not ledger.order_count:
        found.append("zero trades")
    elif ledger.open_shares:
        found.append("a position is open at the end: it counts in equity, not in trades")
    first, last = day_date(bars.days[0]), day_date(bars.days[-1])
    if (first - request.start_date).days > COVERAGE_SLACK_DAYS:
        found.append(f"data for {bars.symbol} starts on {first}, after the requested {request.start_date}")
    if (request.end_date - last).days > COVERAGE_SLACK_DAYS:
        found.append(f"data for {bars.symbol} ends on {last}, before the requested {request.end_date}")
    if is_ruined:
        found.append("equity fell to zero or below: no ratio is computed")
    return found

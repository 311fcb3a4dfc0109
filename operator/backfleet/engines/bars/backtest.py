"""One backtest as a pure function of a request and its symbols' bars; the same input gives the same bits."""

from backfleet.core.backtests import BacktestRequest, Result
from backfleet.engines.bars.market_data import Bars, align, read_bars
from backfleet.engines.bars.metrics import daily_returns, measure, return_blocks
from backfleet.engines.bars.portfolio import Ledger, simulate
from backfleet.engines.bars.settings import BarsSettings
from backfleet.engines.bars.shared import Shared, curve_points
from backfleet.engines.bars.strategies import STRATEGIES
from backfleet.engines.bars.strategies.protocol import Strategy
from backfleet.engines.program import InvalidCombination, parse_texts

ENGINE_NAME = "bars"
ENGINE_VERSION = "3"
"""The version of the rules. Raise it with every change that can change a result."""
COVERAGE_SLACK_DAYS = 7


def load_bars(request: BacktestRequest, settings: BarsSettings | None = None) -> tuple[Bars, ...]:
    """Read the bars of a request's symbols on shared days, the traded one first.

    Raise InvalidCombination for a wrong number of symbols.
    """
    settings = settings or BarsSettings()
    symbols = symbols_to_read(request)
    prices = request.prices or settings.prices
    return align(
        [read_bars(settings.data_folder, each, request.start_date, request.end_date, prices) for each in symbols]
    )


def trade(request: BacktestRequest, series: tuple[Bars, ...], settings: BarsSettings) -> Ledger:
    """Run the strategy over the bars. Raise InvalidCombination for an unknown strategy or parameters that it cannot use."""
    strategy = _strategy(request)
    values = parse_texts(strategy.parameters, request.parameter_texts)
    cash = float(request.initial_cash)
    if not 0 < cash <= 1e15:
        raise InvalidCombination(f"initialCash: expected a number above 0 and at most 1e15, got {request.initial_cash}")
    return simulate(series[0], strategy.signals(series, values), cash, settings.fee)


def run(
    request: BacktestRequest,
    series: tuple[Bars, ...],
    settings: BarsSettings | None = None,
    shared: Shared | None = None,
) -> Result:
    """Compute the result of a request over its bars. Raise NoData or InvalidCombination if there is none."""
    settings = settings or BarsSettings()
    shared = shared or Shared.of(series[0].days, settings)
    ledger = trade(request, series, settings)
    returns = daily_returns(ledger.equity)
    is_ruined = len(ledger.equity) > 1 and not returns
    return Result(
        metrics=measure(ledger, returns, shared.calendar, shared.risk_free),
        equity_curve=tuple(zip(shared.curve_dates, curve_points(ledger.equity), strict=True)),
        blocks=return_blocks(returns),
        warnings=(*_warnings(request, series, shared, ledger, is_ruined), *settings.warnings),
        provenance={
            "engine": ENGINE_NAME,
            "engineVersion": ENGINE_VERSION,
            "strategy": request.strategy,
            "prices": (request.prices or settings.prices).value,
            "riskFreeRate": "file" if settings.rates else f"{settings.risk_free_rate:g}",
            "dataFingerprint": " ".join(bars.fingerprint for bars in series),
        },
    )


def _strategy(request: BacktestRequest) -> Strategy:
    strategy = STRATEGIES.get(request.strategy)
    if strategy is None:
        raise InvalidCombination(
            f"unknown strategy {request.strategy[:100]!r}: expected one of {', '.join(STRATEGIES)}"
        )
    return strategy


def symbols_to_read(request: BacktestRequest) -> tuple[str, ...]:
    """Return the symbols to read: those of the request, or the one that a parameter chooses.

    Raise InvalidCombination for an unknown strategy, or symbols that it cannot use.
    """
    strategy = _strategy(request)
    chosen = request.parameter_texts.get(strategy.symbol_parameter or "")
    if chosen is not None:
        if chosen not in request.symbols:
            listed = ", ".join(request.symbols)
            raise InvalidCombination(
                f"parameter {strategy.symbol_parameter}: expected one of {listed}, got {chosen[:40]!r}"
            )
        return (chosen,)
    if len(request.symbols) != len(strategy.symbols):
        raise InvalidCombination(
            f"symbols: expected {_counted(len(strategy.symbols))} for {request.strategy} "
            f"({', then '.join(strategy.symbols)}), got {len(request.symbols)}"
        )
    return request.symbols


def _counted(count: int) -> str:
    return "one symbol" if count == 1 else f"{count} symbols"


def _warnings(
    request: BacktestRequest, series: tuple[Bars, ...], shared: Shared, ledger: Ledger, is_ruined: bool
) -> list[str]:
    found: list[str] = []
    if not ledger.order_count:
        found.append("zero trades")
    elif ledger.open_shares:
        found.append("a position is still open at the end: it counts in equity, not in trades")
    names, first, last = " and ".join(bars.symbol for bars in series), shared.curve_dates[0], shared.curve_dates[-1]
    if (first - request.start_date).days > COVERAGE_SLACK_DAYS:
        found.append(f"data for {names} starts on {first}, after the requested {request.start_date}")
    if (request.end_date - last).days > COVERAGE_SLACK_DAYS:
        found.append(f"data for {names} ends on {last}, before the requested {request.end_date}")
    if is_ruined:
        found.append("equity fell to zero or below: no ratio is computed")
    return found + [warning for bars in series for warning in bars.warnings]

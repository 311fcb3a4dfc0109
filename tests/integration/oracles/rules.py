"""Every strategy's rule by raptorbt's indicators and numpy, as arrays over all days; the page of strategies in one line each."""

from collections.abc import Callable, Sequence
from math import floor, inf
from typing import Any

import numpy
import raptorbt

from backfleet.engines.bars.market_data import Bars
from tests.integration.oracles.raptor import Rule

Array = Any
Parameters = dict[str, Any]
ROUNDED = 9
"""Digits after which numbers that are equal in decimals are equal; raptorbt's running sums part them, too."""


def column(bars: Bars, name: str) -> Array:
    return numpy.array(getattr(bars, name))


def before(values: Array, days: int = 1) -> Array:
    """Return the values of so many days before, NaN where there is none."""
    return numpy.concatenate([numpy.full(min(days, len(values)), numpy.nan), values[:-days]])


def rate_of_change(bars: Bars, days: int) -> Array:
    closes = column(bars, "closes")
    return ((closes - before(closes, days)) / before(closes, days)).round(12)


def rsi(bars: Bars, period: int) -> Array:
    return raptorbt.rsi(column(bars, "closes"), period)


def rsi_mean_reversion(bars: Bars, p: Parameters) -> tuple[Array, Array]:
    strength = rsi(bars, p["rsi_period"])
    return strength < p["entry_threshold"], strength > p["exit_threshold"]


def bollinger(bars: Bars, p: Parameters) -> tuple[Array, Array]:
    closes = column(bars, "closes")
    _, middle, lower = raptorbt.bollinger_bands(closes, p["bb_period"], float(p["bb_std_dev"]))
    threshold = lower + p["entry_distance_pct"] * (middle - lower)
    return (closes - threshold).round(ROUNDED) <= 0, (closes - middle).round(ROUNDED) > 0


def sma_crossover(bars: Bars, p: Parameters) -> tuple[Array, Array]:
    closes, volumes = column(bars, "closes"), column(bars, "volumes")
    gap = (raptorbt.sma(closes, p["fast_sma"]) - raptorbt.sma(closes, p["slow_sma"])).round(ROUNDED)
    ready = max(p["fast_sma"], p["slow_sma"]) - 1
    average = numpy.full(len(bars), numpy.inf)
    average[ready:] = numpy.cumsum(volumes[ready:]) / numpy.arange(1, len(bars) - ready + 1)
    return (gap > 0) & (volumes > p["volume_threshold"] * average), gap < 0


def breakout(bars: Bars, p: Parameters) -> tuple[Array, None]:
    closes, volumes, period = column(bars, "closes"), column(bars, "volumes"), p["lookback_period"]
    high = before(raptorbt.rolling_max(column(bars, "highs"), period - 1))
    is_high = (closes - high * (1 + p["breakout_threshold"])).round(ROUNDED) > 0
    return is_high & (volumes > p["volume_multiplier"] * raptorbt.sma(volumes, period)), None


def average_range(bars: Bars, p: Parameters) -> Array:
    highs, lows, closes = (column(bars, name) for name in ("highs", "lows", "closes"))
    return p["breakout_multiplier"] * raptorbt.atr(highs, lows, closes, p["atr_period"])


def atr_breakout(bars: Bars, p: Parameters) -> tuple[Array, None]:
    closes = column(bars, "closes")
    return closes - before(closes) > average_range(bars, p), None


def vix_timing(_bars: Bars, p: Parameters, volatility: Bars) -> tuple[Array, Array]:
    levels = column(volatility, "closes")
    return levels > p["vix_entry_threshold"], levels < p["vix_exit_threshold"]


def rsi_macd(bars: Bars, p: Parameters) -> tuple[Array, Array]:
    strength = rsi(bars, p["rsi_period"])
    lead = macd_lead(column(bars, "closes"), p["macd_fast"], p["macd_slow"], p["macd_signal"])
    return (strength < p["rsi_threshold"]) & (lead > 0), (strength > p["rsi_exit_threshold"]) | (lead < 0)


def macd_lead(closes: Array, fast: int, slow: int, signal: int) -> Array:
    """Return the MACD less its signal. raptorbt wants fast below slow; with both exchanged the MACD is its own negative."""
    if fast == slow:
        return numpy.zeros(len(closes))
    line, mean, _ = raptorbt.macd(closes, min(fast, slow), max(fast, slow), signal)
    return line - mean if fast < slow else mean - line


def trend_filter(bars: Bars, p: Parameters) -> tuple[Array, None]:
    closes = column(bars, "closes")
    is_up = (closes - raptorbt.sma(closes, p["trend_sma"])).round(ROUNDED) > 0
    return (rsi(bars, p["rsi_period"]) < p["rsi_entry"]) & (is_up | (not p["require_trend"])), None


def earnings_momentum(bars: Bars, p: Parameters) -> tuple[Array, None]:
    return rate_of_change(bars, p["lookback_period"]) > p["momentum_threshold"], None


def quality_factor(bars: Bars, p: Parameters) -> tuple[Array, None]:
    return rate_of_change(bars, p["momentum_period"]) > p["momentum_threshold"], None


def pairs(bars: Bars, p: Parameters, other: Bars) -> tuple[Array, Array]:
    ratios = column(bars, "closes") / column(other, "closes")
    upper, middle, _ = raptorbt.bollinger_bands(ratios, p["sma_period"], 1.0)
    scores = (ratios - middle) / (upper - middle)
    return scores < -p["std_dev_threshold"], abs(scores) < 0.5


def relative_strength(bars: Bars, p: Parameters, other: Bars) -> tuple[Array, Array]:
    lead = (rate_of_change(bars, p["lookback_period"]) - rate_of_change(other, p["lookback_period"])).round(12)
    return lead > 0, lead < 0


def gap_overnight(bars: Bars, p: Parameters) -> tuple[Array, None]:
    closes = before(column(bars, "closes"))
    gaps = ((column(bars, "opens") - closes) / closes).round(ROUNDED)
    is_up, is_down = gaps > p["gap_threshold"], gaps < -p["gap_threshold"]
    return {"up": is_up, "down": is_down, "both": is_up | is_down}[p["gap_direction"]], None


def donchian(bars: Bars, p: Parameters) -> tuple[Array, Array]:
    closes, period = column(bars, "closes"), p["donchian_period"]
    top = before(raptorbt.rolling_max(column(bars, "highs"), period))
    bottom = before(raptorbt.rolling_min(column(bars, "lows"), period))
    return (closes - p["breakout_threshold"] * top).round(ROUNDED) >= 0, closes <= bottom


RULES: dict[str, Callable[..., tuple[Array, Array | None]]] = {
    "RSI_MeanReversion_ETF": rsi_mean_reversion,
    "BollingerBand_ETF_LowFreq": bollinger,
    "SMA_Crossover_ETF": sma_crossover,
    "Breakout_Momentum_Equity": breakout,
    "ATR_Breakout_ETF": atr_breakout,
    "VIX_Market_Timing": vix_timing,
    "RSI_MACD_Combo_ETF": rsi_macd,
    "MeanReversion_TrendFilter_ETF": trend_filter,
    "Earnings_Momentum": earnings_momentum,
    "Statistical_Pairs_Trading": pairs,
    "Relative_Strength_Leaders": relative_strength,
    "Gap_Trading_Overnight": gap_overnight,
    "Donchian_Breakout_ETF": donchian,
    "Quality_Factor_Momentum": quality_factor,
}


def rule_of(strategy: str, series: Sequence[Bars], p: Parameters) -> Rule:
    bars, *others = series
    with numpy.errstate(divide="ignore", invalid="ignore"):
        enter, leave = RULES[strategy](bars, p, *others)
    return Rule(
        enter=enter.tolist(),
        leave=[False] * len(bars) if leave is None else leave.tolist(),
        size=size_of(strategy, bars, p),
        stop=p["stop_loss_pct"],
        target=p["profit_target_pct"],
        holding_days=p.get("holding_period", inf),
        is_day_trade=strategy == "Gap_Trading_Overnight",
    )


def size_of(strategy: str, bars: Bars, p: Parameters) -> Callable[[int, float, float, float], int]:
    stop = p["stop_loss_pct"]
    if strategy == "SMA_Crossover_ETF":
        return lambda day, equity, cash, price: floor(min(0.01 / stop, 1.0) * equity / price)
    if strategy == "VIX_Market_Timing":
        return lambda day, equity, cash, price: floor(p["position_size_pct"] * equity / price)
    risks = average_range(bars, p) if strategy == "ATR_Breakout_ETF" else column(bars, "closes") * stop
    if strategy == "Gap_Trading_Overnight":
        risks = column(bars, "opens") * stop
    return lambda day, equity, cash, price: min(floor(0.01 * equity / risks[day]), floor(0.95 * cash / price))

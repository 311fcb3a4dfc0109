"""The other twelve strategies restated from the strategy page, plainly and independently of the engine.

A rule says for any bar, from the bars up to it and nothing else, whether to enter and whether to leave. Windows are cut out and
added up again for every bar. Comparisons are rounded, so that what is equal in decimals is equal.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, sqrt
from typing import Any

from tests.support.bars.naive import Day, NaiveBroker, NaiveRsi

Signal = Callable[[int], bool]
Parameters = dict[str, Any]


def never(_bar: int) -> bool:
    return False


@dataclass
class Rule:
    enter: Signal
    leave: Signal = never
    risk: Callable[[int], float] | None = None
    """Per share at a bar; by default the price times the stop."""
    fraction: float | None = None
    """Of equity, in place of a size by risk."""


def is_above(left: float, right: float) -> bool:
    return round(left - right, 9) > 0


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    middle = mean(values)
    return sqrt(sum((value - middle) ** 2 for value in values) / len(values))


def strengths(days: Sequence[Day], period: int) -> list[float]:
    """Return the strength of every close: 50 while there is none, which crosses no threshold of a test."""
    rsi = NaiveRsi(period)
    seen = [rsi.update(day.close) for day in days]
    return [50.0 if value is None else value for value in seen]


def bollinger(days: Sequence[Day], p: Parameters) -> Rule:
    period = p["bb_period"]

    def bands(bar: int) -> tuple[float, float]:
        closes = [day.close for day in days[bar - period + 1 : bar + 1]]
        return mean(closes) - p["bb_std_dev"] * deviation(closes), mean(closes)

    def enter(bar: int) -> bool:
        if bar < period - 1:
            return False
        lower, middle = bands(bar)
        return not is_above(days[bar].close, lower + p["entry_distance_pct"] * (middle - lower))

    return Rule(enter, lambda bar: is_above(days[bar].close, bands(bar)[1]))


def breakout(days: Sequence[Day], p: Parameters) -> Rule:
    period = p["lookback_period"]

    def enter(bar: int) -> bool:
        if bar < period - 1:
            return False
        high = max(day.high for day in days[bar - period + 1 : bar])
        volume = mean([day.volume for day in days[bar - period + 1 : bar + 1]])
        is_breakout = is_above(days[bar].close, high * (1 + p["breakout_threshold"]))
        return is_breakout and days[bar].volume > p["volume_multiplier"] * volume

    return Rule(enter)


def atr_breakout(days: Sequence[Day], p: Parameters) -> Rule:
    period = p["atr_period"]
    ranges: list[float] = []
    averages: list[float | None] = []
    for bar, day in enumerate(days):
        reach = [day.high - day.low]
        if bar:
            before = days[bar - 1].close
            reach += [abs(day.high - before), abs(day.low - before)]
        ranges.append(max(reach))
        if bar < period - 1:
            averages.append(None)
        elif bar == period - 1:
            averages.append(mean(ranges))
        else:
            averages.append((averages[-1] * (period - 1) + ranges[-1]) / period)

    def risk(bar: int) -> float:
        return p["breakout_multiplier"] * averages[bar]

    def enter(bar: int) -> bool:
        return bar > 0 and averages[bar] is not None and days[bar].close - days[bar - 1].close > risk(bar)

    return Rule(enter, risk=risk)


def vix_timing(_days: Sequence[Day], p: Parameters, volatility: Sequence[Day]) -> Rule:
    return Rule(
        lambda bar: volatility[bar].close > p["vix_entry_threshold"],
        lambda bar: volatility[bar].close < p["vix_exit_threshold"],
        fraction=p["position_size_pct"],
    )


def exponential(values: Sequence[float], period: int) -> list[float | None]:
    averages: list[float | None] = []
    for at, value in enumerate(values):
        if at < period - 1:
            averages.append(None)
        elif at == period - 1:
            averages.append(mean(values[:period]))
        else:
            last = averages[-1]
            assert last is not None
            averages.append(last + (value - last) * 2 / (period + 1))
    return averages


def rsi_macd(days: Sequence[Day], p: Parameters) -> Rule:
    rsi = strengths(days, p["rsi_period"])
    closes = [day.close for day in days]
    fast, slow = exponential(closes, p["macd_fast"]), exponential(closes, p["macd_slow"])
    macd = [a - b for a, b in zip(fast, slow, strict=True) if a is not None and b is not None]
    signal = exponential(macd, p["macd_signal"])
    first = len(days) - len(macd)

    def lead(bar: int) -> float:
        """Return the MACD less its signal; 0 while there is none."""
        smoothed = None if bar < first else signal[bar - first]
        return 0.0 if smoothed is None else macd[bar - first] - smoothed

    return Rule(
        lambda bar: rsi[bar] < p["rsi_threshold"] and lead(bar) > 0,
        lambda bar: rsi[bar] > p["rsi_exit_threshold"] or lead(bar) < 0,
    )


def trend_filter(days: Sequence[Day], p: Parameters) -> Rule:
    rsi, period = strengths(days, p["rsi_period"]), p["trend_sma"]

    def enter(bar: int) -> bool:
        if rsi[bar] >= p["rsi_entry"]:
            return False
        if not p["require_trend"]:
            return True
        window = days[max(0, bar - period + 1) : bar + 1]
        return len(window) == period and is_above(days[bar].close, mean([day.close for day in window]))

    return Rule(enter)


def rate_of_change(days: Sequence[Day], bar: int, period: int) -> float | None:
    return None if bar < period else (days[bar].close - days[bar - period].close) / days[bar - period].close


def rise(days: Sequence[Day], p: Parameters) -> Rule:
    period = p["lookback_period"] if "lookback_period" in p else p["momentum_period"]

    def enter(bar: int) -> bool:
        change = rate_of_change(days, bar, period)
        return change is not None and is_above(change, p["momentum_threshold"])

    return Rule(enter)


def pairs(days: Sequence[Day], p: Parameters, other: Sequence[Day]) -> Rule:
    ratios, period = [own.close / its.close for own, its in zip(days, other, strict=True)], p["sma_period"]

    def score(bar: int) -> float | None:
        if bar < period - 1:
            return None
        window = ratios[bar - period + 1 : bar + 1]
        sigma = deviation(window)
        return (ratios[bar] - mean(window)) / sigma if sigma > 1e-12 else None

    def enter(bar: int) -> bool:
        found = score(bar)
        return found is not None and found < -p["std_dev_threshold"]

    def leave(bar: int) -> bool:
        found = score(bar)
        return found is not None and abs(found) < 0.5

    return Rule(enter, leave)


def relative_strength(days: Sequence[Day], p: Parameters, other: Sequence[Day]) -> Rule:
    def difference(bar: int) -> float:
        own, its = (rate_of_change(each, bar, p["lookback_period"]) for each in (days, other))
        return 0.0 if own is None or its is None else round(own - its, 12)

    return Rule(lambda bar: difference(bar) > 0, lambda bar: difference(bar) < 0)


def donchian(days: Sequence[Day], p: Parameters) -> Rule:
    period = p["donchian_period"]

    def enter(bar: int) -> bool:
        if bar < period:
            return False
        top = max(day.high for day in days[bar - period : bar])
        return not is_above(top * p["breakout_threshold"], days[bar].close)

    def leave(bar: int) -> bool:
        return days[bar].close <= min(day.low for day in days[bar - period : bar])

    return Rule(enter, leave)


RULES: dict[str, Callable[..., Rule]] = {
    "BollingerBand_ETF_LowFreq": bollinger,
    "Breakout_Momentum_Equity": breakout,
    "ATR_Breakout_ETF": atr_breakout,
    "VIX_Market_Timing": vix_timing,
    "RSI_MACD_Combo_ETF": rsi_macd,
    "MeanReversion_TrendFilter_ETF": trend_filter,
    "Earnings_Momentum": rise,
    "Statistical_Pairs_Trading": pairs,
    "Relative_Strength_Leaders": relative_strength,
    "Donchian_Breakout_ETF": donchian,
    "Quality_Factor_Momentum": rise,
}


def run_rule(rule: Rule, days: Sequence[Day], p: Parameters, cash: float) -> NaiveBroker:
    """Decide at every close, and fill at the next open."""
    broker = NaiveBroker(cash, p["stop_loss_pct"], p["profit_target_pct"])
    for bar, day in enumerate(days):
        broker.open(bar, day.open)
        equity = broker.mark(day.close)
        if broker.shares:
            bars_held = bar - broker.bought_at + 1
            is_over = bars_held >= p.get("holding_period", len(days) + 1)
            if broker.has_hit(day.close) or is_over or rule.leave(bar):
                broker.order = -1
        elif rule.enter(bar):
            broker.order = wanted(rule, bar, day.close, equity, p["stop_loss_pct"])
    return broker


def wanted(rule: Rule, bar: int, price: float, equity: float, stop: float) -> int:
    if rule.fraction is not None:
        return floor(rule.fraction * equity / price)
    risk = rule.risk(bar) if rule.risk else price * stop
    return min(floor(0.01 * equity / risk), floor(0.95 * equity / price))


def run_gap(days: Sequence[Day], p: Parameters, cash: float) -> NaiveBroker:
    """Run STR-013: decided and filled at the open, out at the close."""
    broker = NaiveBroker(cash, p["stop_loss_pct"], p["profit_target_pct"])
    for bar, day in enumerate(days):
        if bar:
            before = days[bar - 1].close
            gap = round((day.open - before) / before, 9)
            is_up, is_down = gap > p["gap_threshold"], gap < -p["gap_threshold"]
            if {"up": is_up, "down": is_down, "both": is_up or is_down}[p["gap_direction"]]:
                broker.order = wanted(Rule(never), bar, day.open, broker.cash, p["stop_loss_pct"])
                broker.open(bar, day.open)
                if broker.shares:
                    broker.order = -1
                    broker.open(bar, day.close)
        broker.mark(day.close)
    return broker

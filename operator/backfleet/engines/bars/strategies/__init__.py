"""The strategies of `bars`, in the order of the catalog. Each has a module and a line here."""

from collections.abc import Mapping

from backfleet.engines.bars.strategies import (
    atr_breakout,
    bollinger_band,
    breakout_momentum,
    donchian,
    gap_overnight,
    rate_of_change,
    relative_strength,
    rsi_macd,
    rsi_mean_reversion,
    sma_crossover,
    statistical_pairs,
    trend_filter,
    vix_timing,
)
from backfleet.engines.bars.strategies.protocol import Strategy

STRATEGIES: Mapping[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        rsi_mean_reversion.STRATEGY,
        bollinger_band.STRATEGY,
        sma_crossover.STRATEGY,
        breakout_momentum.STRATEGY,
        atr_breakout.STRATEGY,
        vix_timing.STRATEGY,
        rsi_macd.STRATEGY,
        trend_filter.STRATEGY,
        rate_of_change.EARNINGS_MOMENTUM,
        statistical_pairs.STRATEGY,
        relative_strength.STRATEGY,
        gap_overnight.STRATEGY,
        donchian.STRATEGY,
        rate_of_change.QUALITY_FACTOR,
    )
}

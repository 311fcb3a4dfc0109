"""The strategies that `bars` knows: one module and one line each."""

from collections.abc import Mapping

from backfleet.engines.bars.strategies import rsi_mean_reversion, sma_crossover
from backfleet.engines.bars.strategies.protocol import Strategy

STRATEGIES: Mapping[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        rsi_mean_reversion.STRATEGY,
        sma_crossover.STRATEGY,
    )
}

"""STR-011: buy the first symbol when its ratio to the second is far below that ratio's average."""

from collections.abc import Mapping
from operator import truediv
from typing import Any

from backfleet.engines.bars.indicators import RATIO_UNITS, spread
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, exits, signals_of
from backfleet.engines.program import Parameter

MET_AGAIN = 0.5
"""The number of deviations from the average within which the pair has converged."""


def _signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> Signals:
    traded, other = series
    ratios = list(map(truediv, traded.closes, other.closes))
    distances, deviations = spread(ratios, values["sma_period"], RATIO_UNITS)
    depth = -values["std_dev_threshold"]
    return signals_of(
        values,
        [distance < depth * deviation for distance, deviation in zip(distances, deviations, strict=True)],
        [
            -MET_AGAIN * deviation < distance < MET_AGAIN * deviation
            for distance, deviation in zip(distances, deviations, strict=True)
        ],
    )


STRATEGY = Strategy(
    name="Statistical_Pairs_Trading",
    parameters=(
        Parameter("sma_period", "50", int, least=2),
        Parameter("std_dev_threshold", "2", float, least=0),
        *exits(),
    ),
    signals=_signals,
    symbols=("the one it trades", "the other of the pair"),
)

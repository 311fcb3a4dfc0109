"""STR-002: buy on a close at or near the lower Bollinger band, and sell above the middle band."""

from collections.abc import Mapping
from typing import Any

from backfleet.engines.bars.indicators import spread
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, exits, signals_of
from backfleet.engines.program import Parameter


def _signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> Signals:
    (bars,) = series
    distances, deviations = spread(bars.closes, values["bb_period"])
    # close <= lower + share x (middle - lower), with lower = middle - width x deviation.
    depth = -values["bb_std_dev"] * (1 - values["entry_distance_pct"])
    return signals_of(
        values,
        [distance <= depth * deviation for distance, deviation in zip(distances, deviations, strict=True)],
        [distance > 0.0 for distance in distances],
    )


STRATEGY = Strategy(
    name="BollingerBand_ETF_LowFreq",
    parameters=(
        Parameter("bb_period", "20", int, least=2),
        Parameter("bb_std_dev", "2.5", float, least=0),
        Parameter("entry_distance_pct", "0.01", float),
        *exits(),
    ),
    signals=_signals,
)

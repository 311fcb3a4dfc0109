"""The fourteen grids of the catalog, as the predecessor's files declare them: the counts that float loops get wrong."""

from typing import Any

import pytest

from backfleet.core.space.parameters import build_space
from tests.support.axes import BOOL, STRING, listed, ranged, whole

EXITS = (ranged("profit_target_pct", 0.015, 0.025, 0.005), ranged("stop_loss_pct", 0.01, 0.02, 0.005))

CATALOG_RANGES: dict[str, Any] = {
    "STR-001": (
        486,
        whole("rsi_period", 10, 20, 2),
        whole("entry_threshold", 25, 35, 5),
        whole("exit_threshold", 50, 70, 10),
        *EXITS,
    ),
    "STR-002": (
        432,
        ranged("bb_period", 15, 30, 5),
        ranged("bb_std_dev", 2.0, 3.0, 0.5),
        ranged("entry_distance_pct", 0.0, 0.02, 0.01),
        ranged("profit_target_pct", 0.015, 0.03, 0.005),
        ranged("stop_loss_pct", 0.01, 0.02, 0.005),
    ),
    "STR-003": (
        243,
        whole("fast_sma", 20, 50, 15),
        whole("slow_sma", 100, 200, 50),
        ranged("volume_threshold", 1.2, 2.0, 0.4),
        *EXITS,
    ),
    "STR-004": (
        729,
        whole("lookback_period", 20, 50, 15),
        ranged("breakout_threshold", 0.01, 0.03, 0.01),
        ranged("volume_multiplier", 1.5, 2.5, 0.5),
        whole("holding_period", 3, 10, 3),
        *EXITS,
    ),
    "STR-005": (
        27,
        listed("atr_period", 10, 14, 20),
        ranged("breakout_multiplier", 2.0, 3.0, 0.5),
        listed("holding_period", 3, 5, 7),
    ),
    "STR-006": (
        243,
        ranged("vix_entry_threshold", 20, 30, 5),
        ranged("vix_exit_threshold", 15, 20, 2.5),
        ranged("position_size_pct", 0.5, 1.0, 0.25),
        *EXITS,
    ),
    "STR-008": (
        729,
        listed("rsi_period", 10, 14, 20),
        listed("rsi_threshold", 25, 30, 35),
        listed("rsi_exit_threshold", 60, 65, 70),
        listed("macd_fast", 12, 15, 20),
        listed("macd_slow", 26, 30, 35),
        listed("macd_signal", 9, 12, 15),
    ),
    "STR-009": (
        486,
        whole("rsi_period", 10, 20, 5),
        whole("rsi_entry", 25, 35, 5),
        whole("trend_sma", 150, 250, 50),
        listed("require_trend", True, False, type=BOOL),
        *EXITS,
    ),
    "STR-010": (
        27,
        listed("lookback_period", 3, 5, 7),
        listed("momentum_threshold", 0.02, 0.03, 0.05),
        listed("holding_period", 1, 3, 5),
    ),
    "STR-011": (9, listed("sma_period", 30, 50, 100), listed("std_dev_threshold", 1.5, 2.0, 2.5)),
    "STR-012": (9, listed("lookback_period", 20, 30, 50), listed("holding_period", 3, 5, 10)),
    "STR-013": (6, listed("gap_threshold", 0.01, 0.015, 0.02), listed("gap_direction", "up", "both", type=STRING)),
    "STR-014": (9, listed("donchian_period", 20, 30, 50), listed("breakout_threshold", 1.00, 1.01, 1.02)),
    "STR-015": (9, listed("momentum_period", 20, 30, 50), listed("holding_period", 5, 10, 20)),
}


@pytest.mark.parametrize("strategy", CATALOG_RANGES)
def test_the_catalogs_ranges_have_exactly_these_many_combinations(strategy):
    count, *declarations = CATALOG_RANGES[strategy]
    space = build_space(declarations)
    assert space.total == count
    assert len({space.combination(index).digest for index in range(count)}) == count

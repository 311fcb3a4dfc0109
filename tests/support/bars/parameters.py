"""Random parameters around the ranges of each strategy's page and beyond, and symbols with real bars to try them on."""

from collections.abc import Callable
from datetime import date
from random import Random
from typing import Any

from backfleet.engines.bars.strategies import STRATEGIES
from tests.support.bars.indexes import INDEX_DAYS


def a_share(random: Random, least: float, most: float) -> float:
    return round(random.uniform(least, most), 3)


RANDOM: dict[str, Callable[[Random], dict[str, Any]]] = {
    "RSI_MeanReversion_ETF": lambda r: {
        "rsi_period": r.randint(2, 25),
        "entry_threshold": r.randint(20, 45),
        "exit_threshold": r.randint(50, 80),
    },
    "SMA_Crossover_ETF": lambda r: {
        "fast_sma": r.randint(2, 60),
        "slow_sma": r.randint(30, 250),
        "volume_threshold": round(r.uniform(0, 2.0), 2),
    },
    "BollingerBand_ETF_LowFreq": lambda r: {
        "bb_period": r.randint(2, 40),
        "bb_std_dev": r.choice([0.5, 1.0, 1.5, 2.0, 2.5, 3.0]),
        "entry_distance_pct": r.choice([0.0, 0.01, 0.02, 0.3, 1.0]),
    },
    "Breakout_Momentum_Equity": lambda r: {
        "lookback_period": r.randint(2, 60),
        "breakout_threshold": r.choice([0.0, 0.005, 0.01, 0.02, 0.03]),
        "volume_multiplier": r.choice([0.0, 0.8, 1.0, 1.5, 2.0]),
        "holding_period": r.randint(1, 12),
    },
    "ATR_Breakout_ETF": lambda r: {
        "atr_period": r.randint(1, 30),
        "breakout_multiplier": a_share(r, 0.2, 3),
        "holding_period": r.randint(1, 10),
    },
    "VIX_Market_Timing": lambda r: {
        "vix_entry_threshold": a_share(r, 12, 30),
        "vix_exit_threshold": a_share(r, 10, 20),
        "position_size_pct": a_share(r, 0.05, 1.0),
    },
    "RSI_MACD_Combo_ETF": lambda r: {
        "rsi_period": r.randint(2, 20),
        "rsi_threshold": r.randint(25, 45),
        "rsi_exit_threshold": r.randint(55, 75),
        "macd_fast": r.randint(3, 30),
        "macd_slow": r.randint(10, 40),
        "macd_signal": r.randint(1, 15),
    },
    "MeanReversion_TrendFilter_ETF": lambda r: {
        "rsi_period": r.randint(2, 20),
        "rsi_entry": r.randint(25, 45),
        "trend_sma": r.randint(5, 250),
        "require_trend": r.random() < 0.7,
    },
    "Earnings_Momentum": lambda r: {
        "lookback_period": r.randint(1, 10),
        "momentum_threshold": r.choice([-0.02, 0.0, 0.02, 0.03, 0.05]),
        "holding_period": r.randint(1, 6),
    },
    "Statistical_Pairs_Trading": lambda r: {
        "sma_period": r.randint(3, 120),
        "std_dev_threshold": r.choice([0.0, 1.0, 1.5, 2.0, 2.5]),
    },
    "Relative_Strength_Leaders": lambda r: {"lookback_period": r.randint(1, 60), "holding_period": r.randint(1, 12)},
    "Gap_Trading_Overnight": lambda r: {
        "gap_threshold": r.choice([0.0, 0.002, 0.005, 0.01, 0.015, 0.02]),
        "gap_direction": r.choice(["up", "down", "both"]),
    },
    "Donchian_Breakout_ETF": lambda r: {
        "donchian_period": r.randint(1, 60),
        "breakout_threshold": r.choice([0.98, 0.99, 1.0, 1.01, 1.02]),
    },
    "Quality_Factor_Momentum": lambda r: {
        "momentum_period": r.randint(5, 60),
        "momentum_threshold": r.choice([0.0, 0.05, 0.1]),
        "holding_period": r.randint(1, 25),
    },
}

ALONE = (("AAPL",), ("IBM",), ("MSFT",))
TOGETHER = (("AAPL", "IBM"), ("IBM", "MSFT"), ("MSFT", "AAPL"))


def symbols_for(strategy: str) -> tuple[tuple[str, ...], ...]:
    """Return symbols to try a strategy on. Only the indexes hold a measure of fear."""
    if strategy == "VIX_Market_Timing":
        return (("SPX", "VIX"),)
    return TOGETHER if len(STRATEGIES[strategy].symbols) > 1 else ALONE


def days_for(strategy: str) -> tuple[date, date] | None:
    """Return the range with bars of all symbols. None is that of the packaged ones."""
    return INDEX_DAYS if strategy == "VIX_Market_Timing" else None


def random_exits(random: Random) -> dict[str, float]:
    return {
        "stop_loss_pct": round(random.uniform(0.004, 0.05), 4),
        "profit_target_pct": round(random.uniform(0.01, 0.08), 4),
    }


def random_parameters(strategy: str, random: Random) -> dict[str, Any]:
    return RANDOM[strategy](random) | random_exits(random)

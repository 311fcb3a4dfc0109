"""The shipped configs, the number of combinations of each, and a small config that tests change."""

from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from backfleet import catalog
from backfleet.configs.converting import Converted, Wishes, convert
from backfleet.configs.documents import ConfigInvalid

FOLDER = Path(__file__).parents[2] / "configs" / "optimizations"
CATALOG = catalog.load()
BY_NAME = {each.name: each for each in CATALOG.strategies}
TOTALS = {
    "STR-001_RSI_MeanReversion_ETF": 486,
    "STR-002_BollingerBand_ETF_LowFreq": 432,
    "STR-003_SMA_Crossover_ETF": 243,
    "STR-004_Breakout_Momentum_Equity": 729,
    "STR-005_ATR_Breakout_ETF": 27,
    "STR-006_VIX_Market_Timing": 243,
    "STR-008_RSI_MACD_Combo_ETF": 729,
    "STR-009_MeanReversion_TrendFilter_ETF": 486,
    "STR-010_Earnings_Momentum": 27,
    "STR-011_Statistical_Pairs_Trading": 9,
    "STR-012_Relative_Strength_Leaders": 9,
    "STR-013_Gap_Trading_Overnight": 6,
    "STR-014_Donchian_Breakout_ETF": 9,
    "STR-015_Quality_Factor_Momentum": 9,
}
"""The exact number of combinations by file. An explicit list takes precedence over a range."""
PARAMETERS = """\
parameters:
  rsi_period: {start: 14, end: 16, step: 1}
"""
HEAD = """\
strategy: {name: RSI_MeanReversion_ETF}
backtest: {start_date: 2020-01-01, end_date: 2024-12-31}
"""
GOOD = HEAD + PARAMETERS


def read(text: str, **wishes: Any) -> Converted:
    """Convert a config whose text may be indented."""
    return convert(dedent(text), CATALOG, Wishes(**wishes))


def read_axes(text: str, *, strategy: str = "Mine") -> Converted:
    """Convert a config from its parameters alone, which begin in line 6. By default the catalog does not have its strategy."""
    head = f"strategy: {{name: {strategy}, lean_project_path: p}}\nsymbols: [SPY]\nstart_date: 2020-01-01\n"
    return convert(f"{head}end_date: 2024-12-31\nparameters:\n{indent(dedent(text), '  ')}", CATALOG)


def read_fault(text: str) -> str:
    """Convert a config that is not valid. Return the problem, which names the line, and the hint of its first fault."""
    with pytest.raises(ConfigInvalid) as caught:
        read(text, file="mine.yaml")
    error = caught.value
    assert error.field == "mine.yaml"
    assert str(error) == f"mine.yaml: {error.problem}. {error.hint}"
    assert f"line {error.place.line}" in error.problem
    return f"{error.problem}. {error.hint}"

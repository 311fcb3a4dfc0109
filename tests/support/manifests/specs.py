"""A valid spec that tests change, and the strategies of a small installation."""

from typing import Any

from backfleet import catalog
from backfleet.core.spec.validation import AcceptanceLimits
from backfleet.engines.registry import ENGINES

RSI_PERIOD = {"name": "rsi_period", "type": "int", "range": {"start": 14, "end": 16, "step": 1}}

STRATEGIES: dict[str, Any] = {"bars": ENGINES["bars"].strategies(), "noop": None}

LIMITS = AcceptanceLimits(
    on_hold={
        each.name: "it has no project"
        for each in catalog.load().strategies
        if each.status is catalog.StrategyStatus.ON_HOLD
    }
)


def spec_body(**fields: Any) -> dict[str, Any]:
    """Return the `spec` of a small batch, with top-level fields replaced. None leaves a field out."""
    body: dict[str, Any] = {
        "strategy": {"name": "RSI_MeanReversion_ETF"},
        "engine": {"name": "bars"},
        "data": {"symbols": ["AAPL"], "startDate": "2000-03-01", "endDate": "2013-03-01"},
        "parameters": [RSI_PERIOD],
    } | fields
    return {name: value for name, value in body.items() if value is not None}


SIX_COMBINATIONS = spec_body(
    parameters=[RSI_PERIOD, {"name": "entry_threshold", "type": "float", "values": [0.005, "25"]}]
)

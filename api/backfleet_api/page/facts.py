"""What the page has to know of metrics and criteria, so that it keeps no list of its own."""

import json
from functools import cache

from backfleet.core.criteria import RULES
from backfleet.core.metrics import METRICS
from backfleet_api.version import version


@cache
def facts() -> bytes:
    """Return version, metrics and criteria as JSON, each in the order in which Backfleet reports them."""
    metrics = [
        {"name": name, "unit": each.unit.value, "meaning": each.meaning, "is_better_high": each.is_better_high}
        for name, each in METRICS.items()
    ]
    criteria = [
        {"name": rule.wire_name, "metric": rule.metric, "is_floor": rule.is_floor, "rejection": rule.rejection}
        for rule in RULES
    ]
    return json.dumps({"version": version(), "metrics": metrics, "criteria": criteria}).encode()

"""Accepts specs as the operator does, with the strategies of a small installation."""

from typing import Any

import pytest

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.constraints import count_satisfying, nothing_satisfies
from backfleet.core.spec.model import parse_spec
from backfleet.core.spec.validation import AcceptanceLimits, AcceptedBatch, validate_spec
from tests.support.manifests.specs import LIMITS, STRATEGIES, spec_body

DATA = spec_body()["data"]
CLAIM = {"claimName": "market-data", "subPath": "daily/usa"}


def accept(limits: AcceptanceLimits = LIMITS, strategies: Any = STRATEGIES, **fields: Any) -> AcceptedBatch:
    """Return what acceptance makes of a spec, and count the combinations that satisfy its constraints."""
    accepted = validate_spec(parse_spec(spec_body(**fields)), strategies, limits)
    found, _ = count_satisfying(accepted.space, accepted.constraints, 0, accepted.space.total)
    if not found:
        raise nothing_satisfies(accepted.space, accepted.constraints)
    return accepted


def refusal(limits: AcceptanceLimits = LIMITS, strategies: Any = STRATEGIES, **fields: Any) -> SpecInvalid:
    with pytest.raises(SpecInvalid) as refused:
        accept(limits, strategies, **fields)
    return refused.value

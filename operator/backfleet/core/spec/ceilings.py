"""The installation's ceilings for times in a spec. A new batch above one is refused; an older batch gets the ceiling."""

from collections.abc import Iterator
from dataclasses import dataclass

from backfleet.core.errors import SpecInvalid
from backfleet.core.spec.model import BatchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The most seconds that a batch may request.

    Backtests of 30 s in four slots leave 11,520 finished pods in a day. From 12,500 finished pods in a cluster on, Kubernetes
    deletes some of them. So a day is the longest time for which a finished Job can be kept reliably.
    """

    ttl_seconds_after_finished: int = 86_400
    start_timeout_seconds: int = 3_600
    backtest_timeout_seconds: int = 86_400


NO_CEILINGS = Ceilings(
    ttl_seconds_after_finished=31_536_000, start_timeout_seconds=86_400, backtest_timeout_seconds=604_800
)
"""The bounds of the schema, to validate a batch without knowing the installation."""


@dataclass(frozen=True, slots=True)
class _Excess:
    field: str
    asked: int
    ceiling: int
    is_asked: bool
    """False for the default, which the API server writes into a batch without this field."""


def validate_ceilings(spec: BatchSpec, ceilings: Ceilings) -> None:
    """Raise SpecInvalid for the first requested time that is above the installation's ceiling."""
    for each in _excesses(spec, ceilings):
        if each.is_asked:
            raise SpecInvalid(
                each.field,
                f"{each.asked} is above this installation's ceiling of {each.ceiling} seconds",
                f"ask for at most {each.ceiling}",
            )


def clamp(spec: BatchSpec, ceilings: Ceilings) -> tuple[BatchSpec, list[str]]:
    """Limit every time to its ceiling. Return the spec, and a sentence for each requested time that was lowered."""
    policy, ttl = spec.failure_policy, spec.ttl_seconds_after_finished
    held = policy.model_copy(
        update={
            "start_timeout_seconds": min(policy.start_timeout_seconds, ceilings.start_timeout_seconds),
            "backtest_timeout_seconds": min(policy.backtest_timeout_seconds, ceilings.backtest_timeout_seconds),
        }
    )
    changes = {"failure_policy": held, "ttl_seconds_after_finished": min(ttl, ceilings.ttl_seconds_after_finished)}
    told = [
        f"{each.field}: {each.ceiling} is in force, this installation's ceiling, instead of {each.asked}"
        for each in _excesses(spec, ceilings)
        if each.is_asked
    ]
    return spec.model_copy(update=changes), told


def _excesses(spec: BatchSpec, ceilings: Ceilings) -> Iterator[_Excess]:
    for where, part, name, field in (
        ("spec.failurePolicy.", spec.failure_policy, "start_timeout_seconds", "startTimeoutSeconds"),
        ("spec.failurePolicy.", spec.failure_policy, "backtest_timeout_seconds", "backtestTimeoutSeconds"),
        ("spec.", spec, "ttl_seconds_after_finished", "ttlSecondsAfterFinished"),
    ):
        asked, ceiling = getattr(part, name), getattr(ceilings, name)
        if asked > ceiling:
            yield _Excess(where + field, asked, ceiling, asked != type(part).model_fields[name].default)

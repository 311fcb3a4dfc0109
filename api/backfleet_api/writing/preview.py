"""Validates a batch before it is created, as far as the API can: arithmetic, the catalog, and a bounded count.

The operator validates what only it knows: its engines and their strategies, allowed images and claims, ceilings.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from backfleet.core.records import StoredCatalog
from backfleet.core.space.constraints import next_satisfying, nothing_satisfies
from backfleet.core.spec.ceilings import NO_CEILINGS
from backfleet.core.spec.choices import EngineName
from backfleet.core.spec.model import BatchSpec, parse_spec
from backfleet.core.spec.validation import ON_HOLD, AcceptanceLimits, AcceptedBatch, validate_spec

COUNT_LIMIT = 20_000
"""The most combinations that one request tests the constraints on: about a quarter of a second."""
COUNT_CHUNK = 2_000
NO_CEILING = "1000000Gi"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBatch:
    """A batch that the API found valid. `first` and `last` are indexes of combinations that would run."""

    accepted: AcceptedBatch
    total: int | None
    counted: int
    first: int | None
    last: int | None
    warnings: tuple[str, ...]


def check_batch(body: Any, catalog: StoredCatalog) -> CheckedBatch:  # noqa: ANN401 - any JSON
    """Validate a spec and count its combinations. SpecInvalid names the field below `spec`."""
    spec = parse_spec(body)
    accepted = validate_spec(spec, dict.fromkeys(EngineName), _limits(spec, catalog))
    return _count(accepted, _unknown_strategy_warnings(spec, catalog))


def _limits(spec: BatchSpec, catalog: StoredCatalog) -> AcceptanceLimits:
    """Return the catalog's limits, without those that only the operator knows."""
    strategies = catalog.strategies.values()
    volumes = (spec.data.volume, spec.strategy.volume)
    return AcceptanceLimits(
        image_prefixes=(spec.engine.image,) if spec.engine.image else (),
        volume_claims=tuple(volume.claim_name for volume in volumes if volume),
        cpu_ceiling=NO_CEILING,
        memory_ceiling=NO_CEILING,
        ceilings=NO_CEILINGS,
        on_hold={each.name: "the catalog says so" for each in strategies if each.status == ON_HOLD},
        project_paths={each.name: each.lean_project_path for each in strategies if each.lean_project_path},
    )


def _unknown_strategy_warnings(spec: BatchSpec, catalog: StoredCatalog) -> list[str]:
    """Warn about a strategy that the catalog does not have. An engine may know it, so it is not an error."""
    name = spec.strategy.name
    if name in catalog.strategies:
        return []
    close = get_close_matches(name, list(catalog.strategies), n=1)
    hint = f". Did you mean {close[0]}?" if close else ""
    return [
        f"the catalog has no strategy {name!r}: the operator refuses the batch unless its engine has the strategy{hint}"
    ]


def _count(accepted: AcceptedBatch, warnings: list[str]) -> CheckedBatch:
    space, constraints = accepted.space, accepted.constraints
    if not constraints:
        return CheckedBatch(
            accepted=accepted,
            total=space.total,
            counted=space.total,
            first=0,
            last=space.total - 1,
            warnings=tuple(warnings),
        )
    first, last, found, cursor = None, None, 0, 0
    # Bounded by calls, not by indexes: with long constraints a call tests fewer indexes.
    for _ in range(COUNT_LIMIT // COUNT_CHUNK):
        indexes, cursor = next_satisfying(space, constraints, cursor, COUNT_CHUNK, COUNT_CHUNK)
        found += len(indexes)
        if indexes:
            first, last = indexes[0] if first is None else first, indexes[-1]
        if cursor >= space.total:
            break
    if cursor < space.total:
        warnings.append(f"the constraints were tested only on the first {cursor:,} of {space.total:,} combinations")
        return CheckedBatch(
            accepted=accepted, total=None, counted=cursor, first=first, last=None, warnings=tuple(warnings)
        )
    if not found:
        raise nothing_satisfies(space, constraints)
    return CheckedBatch(
        accepted=accepted, total=found, counted=space.total, first=first, last=last, warnings=tuple(warnings)
    )

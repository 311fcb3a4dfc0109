"""Judges a batch before it is made, as far as the API can: by arithmetic, the catalog, and a bounded look at constraints.

What only the operator knows (its engines and their strategies, allowed images and claims, ceilings) is judged by the operator.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from backfleet.core.records import Catalog
from backfleet.core.space.constraints import next_satisfying, nothing_satisfies
from backfleet.core.spec.ceilings import NO_CEILINGS
from backfleet.core.spec.model import BatchSpec, EngineName, parse_spec
from backfleet.core.spec.validation import ON_HOLD, AcceptanceLimits, AcceptedBatch, check

COUNT_LIMIT = 20_000
"""How many combinations one request tries the constraints on: about a quarter of a second."""
COUNT_CHUNK = 2_000
NO_CEILING = "1000000Gi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A batch that the API has nothing against. `first` and `last` are indexes of combinations that would run."""

    accepted: AcceptedBatch
    total: int | None
    counted: int
    first: int | None
    last: int | None
    warnings: tuple[str, ...]


def judge(body: Any, catalog: Catalog) -> Judged:  # noqa: ANN401 - any JSON
    """Judge a spec; SpecInvalid names the field below `spec` and the hint."""
    spec = parse_spec(body)
    accepted = check(spec, dict.fromkeys(EngineName), _limits(spec, catalog))
    return _count(accepted, _strangers(spec, catalog))


def _limits(spec: BatchSpec, catalog: Catalog) -> AcceptanceLimits:
    """The catalog's, and nothing of what only the operator knows."""
    strategies = catalog.strategies.values()
    volumes = (spec.data.volume, spec.strategy.volume)
    return AcceptanceLimits(
        image_prefixes=(spec.engine.image,) if spec.engine.image else (),
        volume_claims=tuple(volume.claim_name for volume in volumes if volume),
        cpu_ceiling=NO_CEILING,
        memory_ceiling=NO_CEILING,
        ceilings=NO_CEILINGS,
        on_hold={each.name: "the catalog has it so" for each in strategies if each.status == ON_HOLD},
        project_paths={each.name: each.lean_project_path for each in strategies if each.lean_project_path},
    )


def _strangers(spec: BatchSpec, catalog: Catalog) -> list[str]:
    """A strategy that the catalog lacks may be an engine's own, so it is not an error here."""
    name = spec.strategy.name
    if name in catalog.strategies:
        return []
    close = get_close_matches(name, list(catalog.strategies), n=1)
    hint = f". Did you mean {close[0]}?" if close else ""
    return [f"the catalog has no strategy {name!r}: the operator refuses the batch unless its engine knows it{hint}"]


def _count(accepted: AcceptedBatch, warnings: list[str]) -> Judged:
    space, constraints = accepted.space, accepted.constraints
    if not constraints:
        return Judged(
            accepted=accepted,
            total=space.total,
            counted=space.total,
            first=0,
            last=space.total - 1,
            warnings=tuple(warnings),
        )
    first, last, found, cursor = None, None, 0, 0
    # By calls, not by indexes: long constraints have fewer indexes looked at in each.
    for _ in range(COUNT_LIMIT // COUNT_CHUNK):
        indexes, cursor = next_satisfying(space, constraints, cursor, COUNT_CHUNK, COUNT_CHUNK)
        found += len(indexes)
        if indexes:
            first, last = indexes[0] if first is None else first, indexes[-1]
        if cursor >= space.total:
            break
    if cursor < space.total:
        warnings.append(f"the constraints were tried on the first {cursor:,} of {space.total:,} combinations only")
        return Judged(accepted=accepted, total=None, counted=cursor, first=first, last=None, warnings=tuple(warnings))
    if not found:
        raise nothing_satisfies(space, constraints)
    return Judged(accepted=accepted, total=found, counted=space.total, first=first, last=last, warnings=tuple(warnings))

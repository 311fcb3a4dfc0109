"""The batch as it runs: the definition as accepted, under the controls as they are now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backfleet.core.acceptance import AcceptanceLimits, check_controls
from backfleet.core.constraints import Constraint, compile_constraints
from backfleet.core.criteria import SuccessCriteria
from backfleet.core.errors import SpecInvalid
from backfleet.core.parameters import ParameterSpace
from backfleet.core.ranking import Objective
from backfleet.core.records import BatchRecord
from backfleet.core.spec import BatchSpec, parse_spec

CONTROLS = ("maxConcurrent", "suspend", "cancel", "failurePolicy", "ttlSecondsAfterFinished", "resources")
"""Fields of the spec that stay editable after acceptance; all others define the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Everything that deciding and launching need of a batch's spec."""

    spec: BatchSpec
    space: ParameterSpace
    constraints: tuple[Constraint, ...]
    criteria: SuccessCriteria

    @property
    def objective(self) -> Objective:
        return Objective.of(self.spec.objective.metric, self.spec.objective.direction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What of the present spec is not in force: ignored edits of the definition, or controls that are not valid."""

    message: str


def controls_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The editable part of a spec."""
    return {name: spec[name] for name in CONTROLS if name in spec}


def definition_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a spec that is snapshotted."""
    return {name: value for name, value in spec.items() if name not in CONTROLS}


def restore(
    record: BatchRecord, present: Mapping[str, Any], limits: AcceptanceLimits
) -> tuple[Work, dict[str, Any], Drift | None]:
    """The work of an accepted batch under the present spec's controls, those controls, and what is not in force.

    Controls that are not valid leave the last valid ones in force: a typo never stops a running batch.
    """
    definition = definition_of(record.spec)
    controls = controls_of(present)
    drift = None
    try:
        spec = parse_spec({**definition, **controls})
        check_controls(spec, limits)
    except SpecInvalid as error:
        drift = Drift(message=f"not in force: {error}")
        controls = dict(record.controls)
        spec = parse_spec({**definition, **controls})
    edited = sorted(
        name for name in {*definition, *definition_of(present)} if definition.get(name) != present.get(name)
    )
    if edited:
        names = ", ".join(f"spec.{name}" for name in edited)
        drift = Drift(
            message=f"edits of {names} are ignored: they were fixed at acceptance; apply a new batch for them"
        )
    space = ParameterSpace.from_json(record.axes)
    work = Work(
        spec=spec,
        space=space,
        constraints=compile_constraints(spec.constraints, space),
        criteria=SuccessCriteria.from_json(record.criteria),
    )
    return work, controls, drift

"""The batch as it runs: the definition as accepted, under the controls as they are now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backfleet.core.criteria import SuccessCriteria
from backfleet.core.errors import SpecInvalid
from backfleet.core.ranking import Objective
from backfleet.core.records import BatchRecord
from backfleet.core.space.constraints import Constraint, compile_known
from backfleet.core.space.parameters import ParameterSpace
from backfleet.core.spec.ceilings import clamp
from backfleet.core.spec.model import BatchSpec, EngineName, parse_spec
from backfleet.core.spec.validation import ControlLimits, validate_controls

CONTROLS = ("maxConcurrent", "suspend", "cancel", "failurePolicy", "ttlSecondsAfterFinished", "resources")
"""Fields of the spec that stay editable after acceptance; all others but `CRITERIA` define the work."""
SWITCHES = ("suspend", "cancel")
"""Controls that are taken as they are now, whatever is wrong with the others."""
CRITERIA = "successCriteria"
"""Editable too, and kept next to the controls: an edit of it is handled alone, see `core.planning.rejudge`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Everything that deciding and launching need of a batch's spec."""

    spec: BatchSpec
    space: ParameterSpace
    criteria: SuccessCriteria

    @property
    def has_constraints(self) -> bool:
        return bool(self.spec.constraints)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """Compiled only when they are needed, which most batches do not in most passes."""
        return compile_known(tuple(self.spec.constraints), self.space.types)

    @property
    def objective(self) -> Objective:
        return Objective.of(self.spec.objective.metric, self.spec.objective.direction)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSource:
    """All that the work of an accepted batch is made from: its row, the present spec and the installation's limits."""

    spec: Mapping[str, Any]
    controls: Mapping[str, Any]
    axes: Mapping[str, Any]
    criteria: Mapping[str, Any]
    present: Mapping[str, Any]
    limits: ControlLimits

    @staticmethod
    def of(record: BatchRecord, present: Mapping[str, Any], limits: ControlLimits) -> "WorkSource":
        return WorkSource(
            spec=record.spec,
            controls=record.controls,
            axes=record.axes,
            criteria=record.criteria,
            present=present,
            limits=limits,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedWork:
    """The work of an accepted batch with the controls in force; it stands as long as its source is the same.

    `drift` names what of the present spec is not in force: ignored edits of the definition, or controls that are not valid.
    """

    source: WorkSource
    work: Work
    controls: Mapping[str, Any]
    drift: str | None = None


def controls_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the editable part of a spec."""
    return {name: spec[name] for name in CONTROLS if name in spec}


def definition_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a spec that is fixed at acceptance."""
    return {name: value for name, value in spec.items() if name not in (*CONTROLS, CRITERIA)}


def _switches(present: Mapping[str, Any]) -> dict[str, bool]:
    return {name: value for name in SWITCHES if isinstance(value := present.get(name), bool)}


def declared_criteria(record: BatchRecord) -> Any:  # noqa: ANN401 - any JSON
    """Return `spec.successCriteria` as last taken, or None. A batch of 0.1.0 has it only in its accepted spec."""
    return record.controls[CRITERIA] if CRITERIA in record.controls else record.spec.get(CRITERIA)


def with_project(spec: Mapping[str, Any], path: str | None) -> dict[str, Any]:
    """Return the spec, with the catalog's project path if the batch is for LEAN and has none of its own."""
    strategy, engine = spec.get("strategy"), spec.get("engine")
    is_lean = isinstance(engine, Mapping) and engine.get("name") == EngineName.LEAN
    if not is_lean or path is None or not isinstance(strategy, Mapping) or strategy.get("leanProjectPath"):
        return dict(spec)
    return {**spec, "strategy": {**strategy, "leanProjectPath": path}}


def edits_of(accepted: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """Return the fields of the definition that were edited since acceptance, sorted."""
    before = definition_of(accepted)
    now = definition_of(with_project(present, before["strategy"].get("leanProjectPath")))
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def restore(
    record: BatchRecord, present: Mapping[str, Any], limits: ControlLimits, known: AcceptedWork | None = None
) -> AcceptedWork:
    """Return the work of an accepted batch under the present spec's controls; `known` as it is, if its source is the same.

    Controls that are not valid leave the last valid ones in force: a typo never stops a running batch, and never keeps it from
    being stopped. Times above the installation's ceilings are held to them, since the ceilings may be younger than the
    batch. The criteria are the record's, whatever the present spec says of them.
    """
    source = WorkSource.of(record, present, limits)
    if known is not None and known.source == source:
        return known
    definition = definition_of(record.spec)
    criteria = {CRITERIA: declared_criteria(record)}
    controls = {**controls_of(present), **criteria}
    faults = []
    try:
        spec = parse_spec({**definition, **controls})
        validate_controls(spec, limits)
    except SpecInvalid as error:
        faults.append(f"not in force: {error}")
        kept = {name: value for name, value in record.controls.items() if name not in SWITCHES}
        controls = {**kept, **_switches(present), **criteria}
        spec = parse_spec({**definition, **controls})
    spec, above = clamp(spec, limits.ceilings)
    faults += above
    if edited := edits_of(record.spec, present):
        names = ", ".join(f"spec.{name}" for name in edited)
        faults.append(f"edits of {names} are ignored: they were fixed at acceptance; apply a new batch for them")
    space, judged_by = ParameterSpace.from_json(record.axes), SuccessCriteria.from_json(record.criteria)
    work = Work(spec=spec, space=space, criteria=judged_by)
    return AcceptedWork(source=source, work=work, controls=controls, drift="; ".join(faults) or None)

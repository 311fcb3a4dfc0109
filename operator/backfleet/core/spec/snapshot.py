"""The batch as it runs: its definition from acceptance, with its present controls."""

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
from backfleet.core.spec.choices import EngineName
from backfleet.core.spec.model import BatchSpec, parse_spec
from backfleet.core.spec.validation import ControlLimits, validate_controls

CONTROLS = (
    "maxConcurrent",
    "backtestsPerJob",
    "suspend",
    "cancel",
    "failurePolicy",
    "ttlSecondsAfterFinished",
    "resources",
)
"""Fields of the spec that can be edited after acceptance. All others except `CRITERIA` define the work."""
SWITCHES = ("suspend", "cancel")
"""Controls that apply at once, even if others are not valid."""
CRITERIA = "successCriteria"
"""Can be edited too, and is stored with the controls. `core.planning.rejudge` handles its edits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The parts of a batch's spec that decisions and launches need."""

    spec: BatchSpec
    space: ParameterSpace
    criteria: SuccessCriteria

    @property
    def has_constraints(self) -> bool:
        return bool(self.spec.constraints)

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """The compiled constraints. Most passes do not need them for most batches, so the first use compiles them."""
        return compile_known(tuple(self.spec.constraints), self.space.types)

    @property
    def objective(self) -> Objective:
        return Objective.of(self.spec.objective.metric, self.spec.objective.direction)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSource:
    """The sources of an accepted batch's work: its row, its present spec and the installation's limits."""

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
    """The work of an accepted batch with the controls in force. It is valid while its source stays the same.

    `drift` names the parts of the present spec that are not in force: edits of the definition, and controls that are not valid.
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
    """Return the last valid `spec.successCriteria`, or None. A batch of 0.1.0 has it only in its accepted spec."""
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
    """Return the work of an accepted batch with the controls of the present spec. If the source is the same, return `known`.

    If controls are not valid, the last valid ones stay in force: a typo does not stop a running batch, and does not prevent
    stopping it. Times above the installation's ceilings are lowered to them, because the ceilings may be newer than the
    batch. The criteria always come from the record, not from the present spec.
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

"""Acceptance: validates what a schema cannot express, against the catalog and the installation's limits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from backfleet.core.criteria import check_bounds
from backfleet.core.errors import SpecInvalid
from backfleet.core.metrics import METRICS
from backfleet.core.space.constraints import Constraint, compile_constraints
from backfleet.core.space.parameters import MAX_COMBINATIONS, ParameterSpace, build_space
from backfleet.core.spec.ceilings import Ceilings, clamp, validate_ceilings
from backfleet.core.spec.choices import EngineName
from backfleet.core.spec.model import BatchSpec, VolumeSpec
from backfleet.core.spec.quantities import parse_quantity
from backfleet.core.spec.strategy_fit import choose, validate_names, validate_values
from backfleet.core.spec.strategy_info import StrategyInfo
from backfleet.core.wire import LEAN_PARAMETERS

ON_HOLD = "on_hold"
Strategies = Mapping[str, Mapping[str, StrategyInfo] | None]
"""The strategies that each engine knows, by the engine's name. None: it runs any project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLimits:
    """What this installation allows in fields that can be edited after acceptance."""

    cpu_ceiling: str = "1"
    memory_ceiling: str = "2Gi"
    ceilings: Ceilings = field(default_factory=Ceilings)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceLimits(ControlLimits):
    """What this installation allows in a batch. `on_hold` and `project_paths` come from the catalog, by strategy."""

    max_combinations: int = MAX_COMBINATIONS
    image_prefixes: tuple[str, ...] = ()
    volume_claims: tuple[str, ...] = ()
    on_hold: Mapping[str, str] = field(default_factory=dict)
    """Strategies that must not run, with the reason why."""
    project_paths: Mapping[str, str] = field(default_factory=dict)
    has_projects_volume: bool = True
    """True if the engine `lean` has a volume of projects, so that a batch need not bring one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedBatch:
    """A batch that may run, unless counting shows that no combination satisfies its constraints."""

    spec: BatchSpec
    space: ParameterSpace
    constraints: tuple[Constraint, ...]
    lean_project_path: str | None
    """The declared project, or else the catalog's."""

    def spec_with_project(self) -> BatchSpec:
        """Return the spec with the project of a batch for LEAN, from the spec or the catalog."""
        if self.spec.engine.name is not EngineName.LEAN:
            return self.spec
        strategy = self.spec.strategy.model_copy(update={"lean_project_path": self.lean_project_path})
        return self.spec.model_copy(update={"strategy": strategy})


def validate_spec(spec: BatchSpec, strategies: Strategies, limits: AcceptanceLimits) -> AcceptedBatch:
    """Validate a spec. SpecInvalid names the first field that is not valid, and the fix.

    The cost does not grow with the space. If there are constraints, call `core.space.constraints.count_satisfying` afterwards.
    If it counts none, `nothing_satisfies` builds the error.
    """
    strategy = _known_strategy(spec, strategies, limits)
    validate_ceilings(spec, limits.ceilings)
    spec, _ = clamp(spec, limits.ceilings)
    for validate in _VALIDATORS:
        validate(spec, limits)
    if strategy is not None:
        validate_names(spec, strategy)
    space = build_space(spec.declarations(), limits.max_combinations)
    if strategy is not None:
        validate_values(spec, space, strategy)
    return AcceptedBatch(
        spec=spec,
        space=space,
        constraints=compile_constraints(spec.constraints, space),
        lean_project_path=spec.strategy.lean_project_path or limits.project_paths.get(spec.strategy.name),
    )


def validate_controls(spec: BatchSpec, limits: ControlLimits) -> None:
    """Validate the fields that can be edited after acceptance, as `validate_spec` does. SpecInvalid names the field."""
    _validate_timeouts(spec, limits)
    _validate_resources(spec, limits)


def _known_strategy(spec: BatchSpec, strategies: Strategies, limits: AcceptanceLimits) -> StrategyInfo | None:
    """Return the strategy as its engine knows it, or None if the engine runs strategies that it does not know."""
    engine, name = spec.engine.name, spec.strategy.name
    if engine not in strategies:
        raise SpecInvalid(
            "spec.engine.name", f"the engine {engine} is not available here", f"choose one of: {', '.join(strategies)}"
        )
    if name in limits.on_hold:
        raise SpecInvalid("spec.strategy.name", f"{name} is on hold: {limits.on_hold[name]}", "choose another strategy")
    known = strategies[engine]
    if known is not None and name not in known:
        raise SpecInvalid("spec.strategy.name", f"{engine} has no strategy {name!r}", choose(name, known))
    if engine is EngineName.LEAN and not spec.strategy.lean_project_path and name not in limits.project_paths:
        raise SpecInvalid(
            "spec.strategy.leanProjectPath",
            f"the catalog has no project for {name!r}",
            "give the project's path within the volume of projects; one that another batch gave holds for that batch alone",
        )
    return None if known is None else known[name]


def _validate_data(spec: BatchSpec, limits: AcceptanceLimits) -> None:
    data = spec.data
    for position, symbol in enumerate(data.symbols):
        if symbol in data.symbols[:position]:
            raise SpecInvalid(f"spec.data.symbols[{position}]", f"{symbol} is listed twice", "list each symbol once")
    if data.end_date < data.start_date:
        raise SpecInvalid(
            "spec.data.endDate", f"{data.end_date} is before startDate {data.start_date}", "swap the two dates"
        )
    _validate_volume(data.volume, "spec.data.volume", limits)


def _validate_volume(volume: VolumeSpec | None, where: str, limits: AcceptanceLimits) -> None:
    if volume is None:
        return
    if volume.claim_name not in limits.volume_claims:
        raise SpecInvalid(
            f"{where}.claimName",
            f"the claim {volume.claim_name!r} is not allowed",
            _allowed("claims", limits.volume_claims),
        )
    _validate_path(volume.sub_path, f"{where}.subPath")


def _validate_strategy(spec: BatchSpec, limits: AcceptanceLimits) -> None:
    strategy = spec.strategy
    _validate_path(strategy.lean_project_path, "spec.strategy.leanProjectPath")
    _validate_path(strategy.lean_algorithm_file, "spec.strategy.leanAlgorithmFile")
    _validate_volume(strategy.volume, "spec.strategy.volume", limits)


def _validate_lean(spec: BatchSpec, limits: AcceptanceLimits) -> None:
    if spec.engine.name is not EngineName.LEAN:
        return
    if not (limits.has_projects_volume or spec.strategy.volume or spec.engine.image):
        raise SpecInvalid(
            "spec.strategy.volume",
            "this installation has no volume of LEAN projects",
            "name a claim that holds the project, or have a mount `projects` added to the chart's engines.lean.mounts",
        )
    if spec.data.prices is not None:
        raise SpecInvalid(
            "spec.data.prices",
            f"{spec.data.prices.value!r} is for the engine bars; LEAN takes the mode from the project",
            "remove it, and set the data normalization mode in the project",
        )
    for position, parameter in enumerate(spec.parameters):
        if parameter.name in LEAN_PARAMETERS:
            raise SpecInvalid(
                f"spec.parameters[{position}].name",
                f"{parameter.name!r} carries what spec.data says to a LEAN project",
                "remove it, or give the parameter another name",
            )


def _validate_path(path: str | None, where: str) -> None:
    if path is not None and ".." in PurePosixPath(path).parts:
        raise SpecInvalid(where, f"{path!r} leaves its volume", "write a path without `..`")


def _validate_image(spec: BatchSpec, limits: AcceptanceLimits) -> None:
    image = spec.engine.image
    if image is not None and not any(_is_under(image, prefix) for prefix in limits.image_prefixes):
        raise SpecInvalid(
            "spec.engine.image",
            f"the image {image[:100]!r} is not allowed",
            _allowed("prefixes", limits.image_prefixes),
        )


def _is_under(image: str, prefix: str) -> bool:
    """Report whether a prefix allows an image.

    `host/team` allows host/team/engine and host/team:1, but not host/team-of-another. An empty prefix allows nothing.
    """
    if not prefix or not image.startswith(prefix):
        return False
    return image == prefix or prefix[-1] in "/:@" or image[len(prefix)] in "/:@"


def _allowed(what: str, names: tuple[str, ...]) -> str:
    if not names:
        return "leave it out: this installation allows none"
    return f"leave it out, or use one of the allowed {what} ({', '.join(names)})"


def _validate_objective(spec: BatchSpec, _limits: AcceptanceLimits) -> None:
    metric = spec.objective.metric
    if metric not in METRICS:
        raise SpecInvalid("spec.objective.metric", f"expected a metric, got {metric!r}", choose(metric, METRICS))


def _validate_criteria(spec: BatchSpec, _limits: AcceptanceLimits) -> None:
    if spec.success_criteria is not None:
        check_bounds(spec.success_criteria.criteria())


def _validate_timeouts(spec: BatchSpec, _limits: ControlLimits) -> None:
    policy = spec.failure_policy
    if policy.batch_timeout_seconds is not None and policy.batch_timeout_seconds < policy.backtest_timeout_seconds:
        raise SpecInvalid(
            "spec.failurePolicy.batchTimeoutSeconds",
            f"{policy.batch_timeout_seconds} is below backtestTimeoutSeconds {policy.backtest_timeout_seconds}",
            "raise batchTimeoutSeconds, or lower backtestTimeoutSeconds",
        )


def _validate_resources(spec: BatchSpec, limits: ControlLimits) -> None:
    ceilings = {"cpu": limits.cpu_ceiling, "memory": limits.memory_ceiling}
    for resource, quantity in spec.resources.requests_map().items():
        if parse_quantity(quantity) > parse_quantity(ceilings[resource]):
            raise SpecInvalid(
                f"spec.resources.requests.{resource}",
                f"{quantity} is above the limit of {ceilings[resource]}",
                f"request at most {ceilings[resource]}",
            )


_VALIDATORS: tuple[Callable[[BatchSpec, AcceptanceLimits], None], ...] = (
    _validate_strategy,
    _validate_lean,
    _validate_image,
    _validate_data,
    _validate_objective,
    _validate_criteria,
    _validate_timeouts,
    _validate_resources,
)

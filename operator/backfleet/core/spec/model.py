"""The pydantic model of an OptimizationBatch's `spec`, with the fields of the CRD. `parse_spec` reads it.

`core.spec.validation` validates what depends on the catalog, the settings or arithmetic.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.alias_generators import to_camel

from backfleet.core.backtests import Prices
from backfleet.core.criteria import SuccessCriteria, check_bounds
from backfleet.core.errors import SpecInvalid
from backfleet.core.ranking import Direction, Objective, natural_direction
from backfleet.core.space.parameters import ParameterDeclaration, RangeDeclaration
from backfleet.core.space.scalars import ParameterType, shown
from backfleet.core.spec import defaults
from backfleet.core.spec.choices import EngineName, SearchAlgorithm, WarmMode
from backfleet.core.spec.fields import (
    MAX_CASH,
    PACK_SIZE_SCHEMA,
    parse_cash,
    parse_date,
    parse_fraction,
    parse_pack_size,
    parse_quantity,
    parse_whole,
    spec_faults,
    spec_invalid,
)
from backfleet.core.spec.quantities import PATTERN as QUANTITY_PATTERN
from backfleet.core.spec.storable import check_storable

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
PATH_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$"
ALGORITHM_FILE_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_./-]*\.(py|dll)$"
TYPE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.]*$"
PARAMETER_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
SYMBOL_PATTERN = r"^[A-Z0-9][A-Z0-9._-]*$"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
METRIC_PATTERN = r"^[a-z][a-z0-9_]*$"
CLAIM_PATTERN = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
IMAGE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$"


Whole = Annotated[int, BeforeValidator(parse_whole)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Fraction = Annotated[Number, Field(ge=0, le=1), BeforeValidator(parse_fraction)]
TradeCount = Annotated[int, Field(ge=0, le=1_000_000_000), BeforeValidator(parse_whole)]
# The schemas say what the validators before them enforce; the contract with the CRD is checked on them.
Day = Annotated[
    date,
    BeforeValidator(parse_date),
    WithJsonSchema({"type": "string", "format": "date", "pattern": DATE_PATTERN, "maxLength": 10}),
]
Cash = Annotated[
    Decimal,
    BeforeValidator(parse_cash),
    WithJsonSchema({"type": "number", "minimum": 1, "maximum": MAX_CASH}),
]
Quantity = Annotated[
    str,
    BeforeValidator(parse_quantity),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}], "maxLength": 20, "pattern": QUANTITY_PATTERN}),
]
PackSize = Annotated[
    int | str,
    BeforeValidator(parse_pack_size),
    WithJsonSchema(PACK_SIZE_SCHEMA),
]


class _Model(BaseModel):
    """The base of the model: camelCase names, no unknown fields, no coercion. A typo or a quoted number is an error."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        strict=True,
        frozen=True,
        regex_engine="rust-regex",
    )


class VolumeSpec(_Model):
    """A claim whose market data or projects replace those of the installation."""

    claim_name: str = Field(min_length=1, max_length=253, pattern=CLAIM_PATTERN)
    sub_path: str | None = Field(default=None, min_length=1, max_length=512, pattern=PATH_PATTERN)


class StrategySpec(_Model):
    """The strategy that runs. All fields except the name are for the engine `lean`."""

    name: str = Field(min_length=1, max_length=100, pattern=NAME_PATTERN)
    lean_project_path: str | None = Field(default=None, min_length=1, max_length=255, pattern=PATH_PATTERN)
    lean_algorithm_file: str | None = Field(default=None, min_length=1, max_length=255, pattern=ALGORITHM_FILE_PATTERN)
    lean_algorithm_type: str | None = Field(default=None, min_length=1, max_length=255, pattern=TYPE_PATTERN)
    volume: VolumeSpec | None = None


class EngineSpec(_Model):
    """What computes the backtests."""

    name: Annotated[EngineName, Field(strict=False)]
    image: str | None = Field(default=None, min_length=1, max_length=512, pattern=IMAGE_PATTERN)
    warm: Annotated[WarmMode, Field(strict=False)] = WarmMode.AUTO


class DataSpec(_Model):
    """The market data of every backtest; both dates are inclusive."""

    symbols: list[Annotated[str, Field(min_length=1, max_length=32, pattern=SYMBOL_PATTERN)]] = Field(
        min_length=1, max_length=64
    )
    start_date: Day
    end_date: Day
    initial_cash: Cash = Decimal(defaults.INITIAL_CASH)
    prices: Annotated[Prices, Field(strict=False)] | None = None
    volume: VolumeSpec | None = None


class RangeSpec(_Model):
    """The start, end and step of a range: numbers, or texts of numbers."""

    start: Any
    end: Any
    step: Any


class ParameterSpec(_Model):
    """One axis of the parameter space."""

    name: str = Field(min_length=1, max_length=63, pattern=PARAMETER_PATTERN)
    type: Annotated[ParameterType, Field(strict=False)]
    range: RangeSpec | None = None
    values: list[Any] | None = Field(default=None, max_length=1000)
    value: Any = None

    def declaration(self) -> ParameterDeclaration:
        """Return the plain form that `core.space.parameters` uses."""
        bounds = None
        if self.range is not None:
            bounds = RangeDeclaration(start=self.range.start, end=self.range.end, step=self.range.step)
        return ParameterDeclaration(name=self.name, type=self.type, range=bounds, values=self.values, value=self.value)


class SearchSpec(_Model):
    """How the space is searched."""

    algorithm: Annotated[SearchAlgorithm, Field(strict=False)] = SearchAlgorithm.GRID


class ObjectiveSpec(_Model):
    """The metric that ranks results. Without a direction, the better direction of the metric applies."""

    metric: str = Field(default=Objective().metric, min_length=1, max_length=64, pattern=METRIC_PATTERN)
    direction: Annotated[Direction, Field(strict=False)] = Field(
        default_factory=lambda fields: natural_direction(fields.get("metric", ""))
    )


class CriteriaSpec(_Model):
    """The criteria of a result. A criterion that is not set does not apply."""

    min_trades: TradeCount | None = None
    max_trades: TradeCount | None = None
    min_sharpe: Annotated[Number, Field(ge=-1000, le=1000)] | None = None
    max_drawdown: Fraction | None = None
    min_win_rate: Fraction | None = None
    min_avg_win: Annotated[Number, Field(ge=0, le=1000)] | None = None
    min_psr: Fraction | None = None
    max_fee_share: Annotated[Number, Field(ge=0, le=1000)] | None = None
    min_comparable_sharpe: Annotated[Number, Field(ge=-1000, le=1000)] | None = None
    min_comparable_sortino: Annotated[Number, Field(ge=-1000, le=1000)] | None = None
    max_comparable_drawdown: Fraction | None = None
    max_comparable_deviation: Annotated[Number, Field(ge=0, le=1000)] | None = None

    def criteria(self) -> SuccessCriteria:
        """Return the plain form that `core.criteria` uses."""
        return SuccessCriteria(**self.model_dump())


class _CriteriaAlone(_Model):
    """A spec with only its criteria, which are read again after an edit. Its errors have the paths of the spec."""

    success_criteria: CriteriaSpec | None = None


class FailurePolicySpec(_Model):
    """When to try again, and when to give up."""

    max_failed: Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(parse_whole)] | None = None
    max_attempts: Whole = Field(default=3, ge=1, le=10)
    backtest_timeout_seconds: Whole = Field(default=1800, ge=1, le=604_800)
    start_timeout_seconds: Whole = Field(default=600, ge=1, le=86_400)
    batch_timeout_seconds: Annotated[int, Field(ge=1, le=31_536_000), BeforeValidator(parse_whole)] | None = None


class RequestsSpec(_Model):
    """Requests of the engine's container as Kubernetes quantities."""

    cpu: Quantity | None = None
    memory: Quantity | None = None


class ResourcesSpec(_Model):
    """The resources that the pods request. The installation sets the limits."""

    requests: RequestsSpec = RequestsSpec()

    def requests_map(self) -> dict[str, str]:
        """Return the requests that are set, in the form of a container's resources."""
        return self.requests.model_dump(exclude_none=True)


class BatchSpec(_Model):
    """`spec` of an OptimizationBatch."""

    strategy: StrategySpec
    engine: EngineSpec
    data: DataSpec
    parameters: list[ParameterSpec] = Field(min_length=1, max_length=64)
    constraints: list[Annotated[str, Field(min_length=1, max_length=256)]] = Field(default=[], max_length=32)
    search: SearchSpec = SearchSpec()
    objective: ObjectiveSpec = ObjectiveSpec()
    success_criteria: CriteriaSpec | None = None
    max_concurrent: Whole = Field(default=defaults.MAX_CONCURRENT, ge=1, le=256)
    backtests_per_job: PackSize = defaults.BACKTESTS_PER_JOB
    suspend: bool = False
    cancel: bool = False
    failure_policy: FailurePolicySpec = FailurePolicySpec()
    ttl_seconds_after_finished: Whole = Field(
        default=defaults.TTL_SECONDS_AFTER_FINISHED, ge=defaults.MIN_TTL_SECONDS_AFTER_FINISHED, le=31_536_000
    )
    resources: ResourcesSpec = ResourcesSpec()

    def declarations(self) -> list[ParameterDeclaration]:
        """Return the axes in their plain form, in order."""
        return [parameter.declaration() for parameter in self.parameters]


def parse_spec(spec: object) -> BatchSpec:
    """Parse the `spec` of a custom resource (any JSON). SpecInvalid names the first invalid field and the fix.

    Postgres can store every spec that this accepts: it refuses characters and numbers that Postgres does not accept.
    `core.spec.validation` validates values of parameters, constraints, and everything that depends on the installation.
    """
    if not isinstance(spec, Mapping):
        raise SpecInvalid("spec", f"{shown(spec)} is not a spec", "write strategy, engine, data and parameters")
    try:
        parsed = BatchSpec.model_validate(spec)
    except ValidationError as error:
        raise spec_invalid(error, BatchSpec) from error
    check_storable(spec, "spec")
    return parsed


def find_faults(spec: Mapping[str, Any]) -> list[SpecInvalid]:
    """Return everything that `parse_spec` would refuse, one error per field."""
    try:
        BatchSpec.model_validate(spec)
    except ValidationError as error:
        return spec_faults(error, BatchSpec)
    return []


def parse_criteria(declared: object) -> SuccessCriteria | None:
    """Parse only `spec.successCriteria` (any JSON; None if there is none). SpecInvalid names the field and the fix."""
    try:
        parsed = _CriteriaAlone.model_validate({"successCriteria": declared}).success_criteria
    except ValidationError as error:
        raise spec_invalid(error, _CriteriaAlone) from error
    if parsed is None:
        return None
    criteria = parsed.criteria()
    check_bounds(criteria)
    return criteria

"""Requests and answers of the routes that write, as strict models, which the client reads too."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from backfleet.configs.documents import MAX_CONFIG_BYTES
from backfleet.core.spec.choices import EngineName
from backfleet.core.spec.defaults import BACKTESTS_PER_JOB, MAX_CONCURRENT
from backfleet.core.spec.model import PATH_PATTERN, SYMBOL_PATTERN, CriteriaSpec, FailurePolicySpec, PackSize, Whole
from backfleet_api.schemas.reading import BatchPhase, Body, Number, Parameters

# A DNS subdomain as Kubernetes defines it. Its parts may be longer than 63 characters, as Kubernetes allows too.
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

Name = Annotated[str, Field(min_length=1, max_length=253, pattern=NAME_PATTERN)]
Namespace = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]


Symbol = Annotated[str, Field(min_length=1, max_length=32, pattern=SYMBOL_PATTERN)]


def _never_null(schema: dict[str, Any]) -> None:
    """Remove null from the schema: the routes refuse it, and only the model uses it for a missing field."""
    del schema["default"]
    schema |= schema.pop("anyOf")[0]


class RunRequest(Body):
    """A batch to run, or with `dry_run` to validate and count: exactly one of `batch`, `config`, `config_path`."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["batch"], "properties": {"engine": False, "symbols": False}},
                {"required": ["config"]},
                {"required": ["config_path"]},
            ]
        }
    )

    batch: dict[str, Any] | None = Field(
        default=None,
        description="`spec` of an OptimizationBatch, with the custom resource's own field names",
        json_schema_extra=_never_null,
    )
    config: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_CONFIG_BYTES,
        description="the text of a config, in YAML, or of LEAN's own optimizer config",
        json_schema_extra=_never_null,
    )
    config_path: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        pattern=PATH_PATTERN,
        description="the path of a config in the mounted folder of configs",
        json_schema_extra=_never_null,
    )
    engine: Annotated[EngineName, Field(strict=False)] | None = Field(
        default=None, description="the engine, instead of the config's; lean if neither names one"
    )
    symbols: list[Symbol] | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="the symbols, instead of those of the config or the strategy",
    )
    max_concurrent: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="the limit, instead of the batch's maxConcurrent or the config's max_concurrent",
    )
    name: Name | None = Field(
        default=None,
        description="the custom resource's name; by default made from the strategy or the Idempotency-Key",
    )
    namespace: Namespace | None = Field(
        default=None, description="the custom resource's namespace, one of those watched; by default the API's own"
    )
    dry_run: bool = Field(default=False, description="validate and count, but create nothing")


class Submitted(Body):
    """A batch that Kubernetes has stored. The operator validates it again and runs it."""

    batch_id: str = Field(description="the custom resource's uid")
    name: str
    namespace: str
    total: int | None = Field(description="the number of backtests; null if the constraints are not counted yet")
    max_concurrent: int
    is_new: bool = Field(description="false if an earlier, equal request created the batch")
    status_url: str = Field(description="the path of the batch, also in the Location header")
    warnings: list[str] = Field(
        description="reasons for which the operator may refuse the batch, and limits of this answer"
    )


class PreviewedCombination(Body):
    """One combination that would run."""

    index: int
    parameters: Parameters


class Estimate(Body):
    """The estimated time of the batch: total / max_concurrent, rounded up, times seconds_per_backtest."""

    seconds: Number
    seconds_per_backtest: Number = Field(description="the mean time from the engine's start to the end")
    backtests: int = Field(description="the number of recent backtests of the strategy in the mean")


class Preview(Body):
    """What the batch would be. Nothing was created."""

    total: int | None = Field(
        description="the number of backtests; null if the constraints were not counted to the end"
    )
    combinations: int = Field(description="the size of the parameter space without constraints")
    counted: int = Field(description="the number of combinations that the constraints were tested on")
    first: PreviewedCombination | None = Field(
        description="null if none of the tested combinations meets the constraints"
    )
    last: PreviewedCombination | None = Field(description="null if the constraints were not counted to the end")
    max_concurrent: int
    estimate: Estimate | None = Field(description="null without a total or without recent backtests of the strategy")
    warnings: list[str] = Field(
        description="reasons for which the operator may refuse the batch, and limits of this answer"
    )


class Cancellation(Body):
    """The state of a batch when its cancellation was requested, and what follows."""

    batch_id: str
    name: str
    namespace: str
    state: BatchPhase = Field(description="the state at the time of the request")
    message: str
    status_url: str


def _for_edits(schema: dict[str, Any]) -> None:
    """Ask for at least one field, and remove defaults: a field that is not given stays as it is."""
    schema["minProperties"] = 1
    for field in schema["properties"].values():
        field.pop("default", None)


class EditRequest(BaseModel):
    """Fields of a batch's spec to set, by the custom resource's names. What is not given stays as it is."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra=_for_edits,
    )

    suspend: bool = Field(default=False, description="true: nothing new starts; false: the batch goes on")
    max_concurrent: Whole = Field(default=MAX_CONCURRENT, ge=1, le=256, description="the most Jobs at once")
    backtests_per_job: PackSize = Field(
        default=BACKTESTS_PER_JOB, description="how many backtests one Job carries, or auto"
    )
    success_criteria: CriteriaSpec | None = Field(
        default=None,
        description="the whole set of criteria, which replaces the present one; null: those of the strategy. Every result is "
        "judged again",
    )
    failure_policy: FailurePolicySpec = Field(
        default=FailurePolicySpec(), description="the fields of the failure policy to set; the others stay as they are"
    )


class Edited(Body):
    """What was written to the custom resource. The operator applies it in its next pass."""

    batch_id: str
    name: str
    namespace: str
    state: BatchPhase = Field(description="the state at the time of the request")
    changed: list[str] = Field(description="the fields of the spec that were written")
    message: str
    status_url: str

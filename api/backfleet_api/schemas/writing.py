"""What writing takes and answers, as strict models; also what the client reads."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from backfleet.configs.documents import MAX_CONFIG_BYTES
from backfleet.core.spec.model import PATH_PATTERN, SYMBOL_PATTERN, EngineName
from backfleet_api.schemas.reading import Answer, BatchPhase, Number, Parameters

# A DNS subdomain, as Kubernetes wants it: parts of at most 63 characters are not asked for, ends of parts are.
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

Name = Annotated[str, Field(min_length=1, max_length=253, pattern=NAME_PATTERN)]
Namespace = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]


Symbol = Annotated[str, Field(min_length=1, max_length=32, pattern=SYMBOL_PATTERN)]


def _never_null(schema: dict[str, Any]) -> None:
    """A source is there or not: null, which the routes refuse, stands for absence here alone."""
    del schema["default"]
    schema |= schema.pop("anyOf")[0]


class RunRequest(Answer):
    """A batch to run, or with `dry_run` only to be judged and counted: exactly one of `batch`, `config`, `config_path`."""

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
        description="of a config, below the folder that is mounted for them",
        json_schema_extra=_never_null,
    )
    engine: Annotated[EngineName, Field(strict=False)] | None = Field(
        default=None, description="in place of the config's; without either it is lean"
    )
    symbols: list[Symbol] | None = Field(
        default=None, min_length=1, max_length=64, description="in place of the config's, or of the strategy's own"
    )
    max_concurrent: int | None = Field(
        default=None, ge=1, le=256, description="in place of maxConcurrent of the batch or max_concurrent of the config"
    )
    name: Name | None = Field(
        default=None,
        description="of the custom resource; by default made from the strategy, or from the Idempotency-Key",
    )
    namespace: Namespace | None = Field(
        default=None, description="where the custom resource is made, of those watched; by default the API's own"
    )
    dry_run: bool = Field(default=False, description="nothing is created")


class Submitted(Answer):
    """A batch that Kubernetes has; the operator judges it again and runs it."""

    batch_id: str = Field(description="the custom resource's uid")
    name: str
    namespace: str
    total: int | None = Field(description="backtests; null where the constraints are not counted yet")
    max_concurrent: int
    is_new: bool = Field(description="false: the same request had made it before, and nothing was created")
    status_url: str = Field(description="path of the batch's state; also the Location header")
    warnings: list[str] = Field(description="what the operator may refuse, or what the answer does not know")


class PreviewedCombination(Answer):
    """One combination that would run."""

    index: int
    parameters: Parameters


class Estimate(Answer):
    """How long the batch would take: total / max_concurrent, rounded up, x seconds_per_backtest."""

    seconds: Number
    seconds_per_backtest: Number = Field(description="mean from the start of the engine to the end")
    backtests: int = Field(description="how many recent backtests of the strategy the mean is taken of")


class Preview(Answer):
    """What a batch would be; nothing was created."""

    total: int | None = Field(description="backtests; null where the constraints were not counted to the end")
    combinations: int = Field(description="size of the parameter space before any constraint")
    counted: int = Field(description="how many of the combinations the constraints were tried on")
    first: PreviewedCombination | None = Field(description="null where none was found among those counted")
    last: PreviewedCombination | None = Field(description="null where the constraints were not counted to the end")
    max_concurrent: int
    estimate: Estimate | None = Field(description="null without a total, or without recent backtests of the strategy")
    warnings: list[str] = Field(description="what the operator may refuse, or what the answer does not know")


class Cancellation(Answer):
    """What becomes of a batch that is to end."""

    batch_id: str
    name: str
    namespace: str
    state: BatchPhase = Field(description="as it was when the request came")
    message: str
    status_url: str

"""Converts a request to the spec of a custom resource: the spec under `batch`, or a converted config."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from backfleet import catalog
from backfleet.configs.converting import Wishes, convert
from backfleet.core.errors import SpecInvalid
from backfleet_api.schemas.writing import RunRequest
from backfleet_api.writing.config_files import FIELD as CONFIG_PATH
from backfleet_api.writing.config_files import read_config

SOURCES = ("batch", "config", CONFIG_PATH)
FOR_CONFIGS = ("engine", "symbols")
"""Fields of the request that override a config. A batch has its own fields for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedSpec:
    """The requested spec. `in_request` converts an error so that it names the field of the request."""

    spec: dict[str, Any]
    warnings: tuple[str, ...]
    in_request: Callable[[SpecInvalid], SpecInvalid]


def check_sources(body: object) -> None:
    """Require exactly one source, and no field that it would ignore. SpecInvalid names the field."""
    if not isinstance(body, dict):
        return
    one_of = f"write one of {', '.join(SOURCES)}"
    given = [name for name in SOURCES if name in body]
    if not given:
        raise SpecInvalid(SOURCES[0], "expected a batch or a config, got neither", one_of)
    if len(given) > 1:
        raise SpecInvalid(given[1], f"expected one source of the batch, got {given[0]} too", one_of)
    if body[given[0]] is None:
        raise SpecInvalid(given[0], "expected a value, got null", one_of)
    for name in FOR_CONFIGS:
        if name in body and given == [SOURCES[0]]:
            raise SpecInvalid(name, "the field is only for configs", "write it into batch, which has its own field")


def requested_spec(request: RunRequest, configs_folder: str | None) -> RequestedSpec:
    """Return the spec that the request asks for. Pure, except that `config_path` reads a file."""
    override = {} if request.max_concurrent is None else {"maxConcurrent": request.max_concurrent}
    if request.batch is not None:
        return RequestedSpec(spec={**request.batch, **override}, warnings=(), in_request=in_batch)
    if request.config is not None:
        field, content = "config", request.config.encode("utf-8", "surrogatepass")
    else:
        assert request.config_path is not None
        field, content = CONFIG_PATH, read_config(configs_folder, request.config_path)
    symbols = None if request.symbols is None else tuple(request.symbols)
    engine = None if request.engine is None else request.engine.value
    found = convert(content, _catalog(), Wishes(file=field, engine=engine, symbols=symbols))
    warnings = tuple(f"{field}: {each}" for each in found.warnings)
    return RequestedSpec(spec={**found.spec, **override}, warnings=warnings, in_request=found.in_config)


def in_batch(error: SpecInvalid) -> SpecInvalid:
    """Return the error with the field of the request: `spec` in the custom resource is `batch` here."""
    path = error.field.removeprefix("spec")
    is_path = error.field.startswith("spec") and path[:1] in ("", ".", "[")
    return SpecInvalid(f"batch{path}" if is_path else error.field, error.problem, error.hint)


@cache
def _catalog() -> catalog.Catalog:
    """Load the shipped catalog. It has the symbols and the parameters that a config may leave out."""
    return catalog.load()

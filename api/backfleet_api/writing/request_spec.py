"""What a request asks for as the spec of a custom resource: as it stands under `batch`, or converted from a config."""

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
"""What a batch has fields for, and a config is overruled in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The wanted spec; `in_request` maps a refused field to where the request has it."""

    spec: dict[str, Any]
    warnings: tuple[str, ...]
    in_request: Callable[[SpecInvalid], SpecInvalid]


def judge_sources(body: object) -> None:
    """Require exactly one of the sources, and nothing next to it that would be lost; SpecInvalid names the field."""
    if not isinstance(body, dict):
        return
    one_of = f"give one of {', '.join(SOURCES)}"
    given = [name for name in SOURCES if name in body]
    if not given:
        raise SpecInvalid(SOURCES[0], "the request has no batch and no config", one_of)
    if len(given) > 1:
        raise SpecInvalid(given[1], f"expected one source of the batch, got {given[0]} too", one_of)
    if body[given[0]] is None:
        raise SpecInvalid(given[0], "it is null", one_of)
    for name in FOR_CONFIGS:
        if name in body and given == [SOURCES[0]]:
            raise SpecInvalid(name, "expected it inside batch, which has a field for it", "write it into the batch")


def asked(request: RunRequest, configs_folder: str | None) -> Asked:
    """The spec that the request asks for; reads a file for `config_path`, otherwise pure."""
    override = {} if request.max_concurrent is None else {"maxConcurrent": request.max_concurrent}
    if request.batch is not None:
        return Asked(spec={**request.batch, **override}, warnings=(), in_request=in_batch)
    if request.config is not None:
        field, content = "config", request.config.encode("utf-8", "surrogatepass")
    else:
        assert request.config_path is not None
        field, content = CONFIG_PATH, read_config(configs_folder, request.config_path)
    symbols = None if request.symbols is None else tuple(request.symbols)
    engine = None if request.engine is None else request.engine.value
    found = convert(content, _catalog(), Wishes(file=field, engine=engine, symbols=symbols))
    warnings = tuple(f"{field}: {each}" for each in found.warnings)
    return Asked(spec={**found.spec, **override}, warnings=warnings, in_request=found.in_config)


def in_batch(error: SpecInvalid) -> SpecInvalid:
    """The error with its field as the request has it: what is `spec` in the custom resource is `batch` here."""
    path = error.field.removeprefix("spec")
    is_path = error.field.startswith("spec") and path[:1] in ("", ".", "[")
    return SpecInvalid(f"batch{path}" if is_path else error.field, error.problem, error.hint)


@cache
def _catalog() -> catalog.Catalog:
    """The shipped one: it has the symbols and the parameters that a config may leave out."""
    return catalog.load()

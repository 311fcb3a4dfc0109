"""Converts a researcher's config to the spec of an OptimizationBatch. A warning names each thing the config leaves open."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backfleet.catalog import Catalog
from backfleet.configs.accepting import place_of, validate
from backfleet.configs.axes import convert_parameters
from backfleet.configs.criteria import convert_criteria
from backfleet.configs.data import NAMES as DATA_NAMES
from backfleet.configs.data import SECTIONS as DATA_SECTIONS
from backfleet.configs.data import convert_data
from backfleet.configs.documents import ConfigInvalid, Entry, Place, joined, parse_document
from backfleet.configs.lean import from_lean, is_lean
from backfleet.configs.reading import Conversion, Keys, fields_of, json_of, number_of, validate_keys
from backfleet.configs.searching import convert_objective, convert_search
from backfleet.configs.strategies import convert_engine, convert_strategy, say_what_is_not_read
from backfleet.core.errors import SpecInvalid
from backfleet.core.space.parameters import MAX_COMBINATIONS
from backfleet.core.space.scalars import value_text
from backfleet.core.spec.choices import EngineName
from backfleet.core.spec.fields import AUTO

ORDER = (
    "strategy", "engine", "data", "parameters", "constraints", "search", "objective", "successCriteria", "maxConcurrent",
    "backtestsPerJob",
)  # fmt: skip
SECTION = "optimization"
_SHARED = ("parameters", "constraints", "max_concurrent", "backtests_per_job")
"""Keys that are allowed at the top level or in the section."""
_FREE = (
    "description", "note", "notes", "comment", "expected_results", "analysis", "estimated_runtime", "recommendations",
    "author", "created", "tags", "version",
)  # fmt: skip
TOP = Keys(
    known=("strategy", SECTION, "success_criteria", "engine", *_SHARED, *DATA_SECTIONS, *DATA_NAMES),
    silent=_FREE,
    told={
        "reporting": "ignored: Backfleet writes no reports; read the results with `backfleet results`, REST or SQL",
        "risk_management": "ignored: the strategy's own code manages its risk",
        "fees": "ignored: the engine's settings decide the fee model",
        "fee_assumptions": "ignored: the engine's settings decide the fee model",
        "notifications": "ignored: Backfleet sends no notifications; watch the batch, or alert on the operator's metrics",
    },
    others={"batch_name": "one batch per config", "optimizations": "one config per file, and convert each"},
)
OPTIMIZATION = Keys(known=("type", "target_metric", "target_direction", "total_combinations", *_SHARED), silent=_FREE)
_ONLY_CONFIGS = (SECTION, "success_criteria", "batch_name", *DATA_SECTIONS)
_LIKE_A_CONFIG = re.compile(rf"""^(?:(?:{"|".join(_ONLY_CONFIGS)})\s*:|\s*["']optimization-)""", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The caller's settings, which take precedence over the config's. `file` names the config in errors."""

    file: str = "config"
    engine: str | None = None
    strategy: str | None = None
    symbols: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """The spec of a batch that parses and builds, and the warnings of its conversion."""

    spec: dict[str, Any]
    warnings: tuple[str, ...]
    total: int
    """Number of combinations before constraints between parameters apply."""
    file: str = "config"
    places: Mapping[str, Place] = field(default_factory=dict, repr=False)

    def in_config(self, error: SpecInvalid) -> ConfigInvalid:
        """Return a fault of the spec as a fault of the config, with its line."""
        return ConfigInvalid(place_of(error.field, self.places), error.problem, error.hint, self.file)


def convert(content: bytes | str, catalog: Catalog, wishes: Wishes | None = None) -> Converted:
    """Convert one config. The same text always gives the same spec.

    Raise ConfigInvalid, which names every fault with its line.
    """
    asked = wishes or Wishes()
    try:
        return _convert(parse_document(content), catalog, asked)
    except ConfigInvalid as error:
        raise error.of(asked.file) from error


def is_config(content: bytes | str) -> bool:
    """Return whether the content is a config rather than a manifest or a spec, by its sections.

    A spec has none of the sections that only configs have, and its parameters are a list. If the content cannot be parsed,
    its lines decide, so the error comes from the right reader.
    """
    try:
        top = parse_document(content).value
    except ConfigInvalid:
        text = content if isinstance(content, str) else content.decode("utf-8", "replace")
        return _LIKE_A_CONFIG.search(text) is not None
    if not isinstance(top, Mapping) or {"apiVersion", "kind", "metadata", "spec"} & top.keys():
        return False
    has_section = any(name in top for name in _ONLY_CONFIGS)
    return is_lean(top) or has_section or ("parameters" in top and isinstance(top["parameters"].value, Mapping))


def _convert(root: Entry, catalog: Catalog, wishes: Wishes) -> Converted:
    conversion = Conversion()
    top = fields_of(root, "a config")
    if is_lean(top):
        top = from_lean(top, root.place, catalog, conversion)
    validate_keys(top, TOP, conversion)
    section: Mapping[str, Entry] = {}
    with conversion.going_on():
        section = fields_of(top[SECTION], "an optimization section") if SECTION in top else {}
        validate_keys(section, OPTIMIZATION, conversion)
    unread = _convert_parts(_Config(root.place, top, section), catalog, wishes, conversion)
    conversion.places["spec"] = root.place
    accepted = validate(conversion, unread, catalog)
    if accepted is not None and not conversion.faults:
        with conversion.going_on():
            _say_what_the_total_is(accepted.space.total, section.get("total_combinations"), conversion)
    if accepted is None or conversion.faults:
        raise joined(conversion.faults)
    spec = {key: conversion.spec[key] for key in ORDER if key in conversion.spec}
    total, warnings = accepted.space.total, tuple(conversion.warnings)
    return Converted(spec=spec, warnings=warnings, total=total, file=wishes.file, places=conversion.places)


def _convert_parts(config: "_Config", catalog: Catalog, wishes: Wishes, conversion: Conversion) -> list[str]:
    """Put every part, or its fault, into the conversion. Return the names of the parameters that could not be read."""
    top, section = config.top, config.section
    parameters = config.either("parameters", conversion)
    if parameters is None and not conversion.faults:
        conversion.faults.append(
            ConfigInvalid(config.place, "the config has no parameters", f"add them under {SECTION}")
        )
    engine, strategy = None, None
    with conversion.going_on():
        engine = convert_engine(top.get("engine"), wishes.engine, conversion)
    with conversion.going_on():
        strategy = convert_strategy(top.get("strategy"), wishes.strategy, catalog, config.place, conversion)
    with conversion.going_on():
        convert_data(top, strategy, config.place, wishes.symbols, conversion)
    names: list[str] = []
    if parameters is not None:
        known = {each.name: each for each in strategy.parameters} if strategy else {}
        conversion.places["spec.parameters"] = parameters.place
        with conversion.going_on():
            conversion.spec["parameters"] = convert_parameters(parameters, known, conversion)
        names = list(parameters.value) if isinstance(parameters.value, Mapping) else []
        if strategy and engine is not EngineName.BARS:
            say_what_is_not_read(parameters, strategy, conversion)
        convert_search(section.get("type"), parameters, conversion)
    convert_criteria(top.get("success_criteria"), config.either("constraints", conversion), names, conversion)
    convert_objective(section.get("target_metric"), section.get("target_direction"), conversion)
    _convert_max_concurrent(config.either("max_concurrent", conversion), conversion)
    _convert_backtests_per_job(config.either("backtests_per_job", conversion), conversion)
    read = {each["name"] for each in conversion.spec.get("parameters", [])}
    return [name for name in names if name not in read]


@dataclass(frozen=True, slots=True)
class _Config:
    """The fields at the top level and those of the section. `place` is the whole config."""

    place: Place
    top: Mapping[str, Entry]
    section: Mapping[str, Entry]

    def either(self, key: str, conversion: Conversion) -> Entry | None:
        """Return the entry of the key, from the top level or the section. Both together are a fault."""
        top, section = self.top.get(key), self.section.get(key)
        if top is not None and section is not None:
            problem = f"line {top.place.line} already has {key} at the top level"
            conversion.faults.append(ConfigInvalid(section.place, problem, "keep one of the two"))
        return top or section


def _convert_max_concurrent(entry: Entry | None, conversion: Conversion) -> None:
    if entry is not None:
        conversion.places["spec.maxConcurrent"] = entry.place
        with conversion.going_on():
            conversion.spec["maxConcurrent"] = json_of(number_of(entry))


def _convert_backtests_per_job(entry: Entry | None, conversion: Conversion) -> None:
    if entry is not None:
        conversion.places["spec.backtestsPerJob"] = entry.place
        with conversion.going_on():
            conversion.spec["backtestsPerJob"] = AUTO if entry.value == AUTO else json_of(number_of(entry))


def _say_what_the_total_is(total: int, declared: Entry | None, conversion: Conversion) -> None:
    if declared is not None and number_of(declared) != total:
        said = value_text(number_of(declared))
        conversion.warn(declared.place, f"{said} combinations are declared, but the parameters make {total}")
    if total > MAX_COMBINATIONS:
        text = f"{total:,} combinations exceed {MAX_COMBINATIONS:,}, the default limit of an installation"
        conversion.warn(conversion.places["spec.parameters"], text)

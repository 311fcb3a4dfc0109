"""A config as researchers write it becomes the spec of an OptimizationBatch, with a warning for whatever it leaves open."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backfleet.catalog import Catalog, StrategyStatus
from backfleet.configs.axes import convert_parameters
from backfleet.configs.criteria import convert_criteria
from backfleet.configs.data import NAMES as DATA_NAMES
from backfleet.configs.data import SECTIONS as DATA_SECTIONS
from backfleet.configs.data import convert_data
from backfleet.configs.documents import ConfigInvalid, Entry, Place, parse_document
from backfleet.configs.lean import from_lean, is_lean
from backfleet.configs.reading import Draft, Keys, fields_of, json_of, judge_keys, number_of
from backfleet.configs.searching import convert_objective, convert_search
from backfleet.configs.strategies import convert_engine, convert_strategy, say_what_is_not_read
from backfleet.core.acceptance import AcceptanceLimits, Strategies, check
from backfleet.core.ceilings import NO_CEILINGS
from backfleet.core.errors import SpecInvalid
from backfleet.core.parameters import MAX_COMBINATIONS
from backfleet.core.scalars import value_text
from backfleet.core.spec import EngineName, parse_spec
from backfleet.core.strategies import StrategyInfo

MOST_COMBINATIONS = 10**15
"""An installation has its own limit; what is above its default is a warning, and above this an error."""
ORDER = (
    "strategy", "engine", "data", "parameters", "constraints", "search", "objective", "successCriteria", "maxConcurrent",
)  # fmt: skip
SECTION = "optimization"
_SHARED = ("parameters", "constraints", "max_concurrent")
"""What may stand at the top or in the section."""
_FREE = (
    "description", "note", "notes", "comment", "expected_results", "analysis", "estimated_runtime", "recommendations",
    "author", "created", "tags", "version",
)  # fmt: skip
TOP = Keys(
    known=("strategy", SECTION, "success_criteria", "engine", *_SHARED, *DATA_SECTIONS, *DATA_NAMES),
    silent=_FREE,
    told={
        "reporting": "no reports are written: results are read with `backfleet results`, by REST or SQL",
        "risk_management": "the strategy's own code manages its risk, so this is passed over",
        "fees": "the model of fees is the engine's setting, so this is passed over",
        "fee_assumptions": "the model of fees is the engine's setting, so this is passed over",
        "notifications": "nobody is notified: watch the batch, or alert on the operator's metrics",
    },
    others={"batch_name": "one batch for each config", "optimizations": "one config a file, and convert each"},
)
OPTIMIZATION = Keys(known=("type", "target_metric", "target_direction", "total_combinations", *_SHARED), silent=_FREE)
_ONLY_CONFIGS = (SECTION, "success_criteria", "batch_name", *DATA_SECTIONS)
_LIKE_A_CONFIG = re.compile(rf"""^(?:(?:{"|".join(_ONLY_CONFIGS)})\s*:|\s*["']optimization-)""", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the caller asks for in place of the config's own; `file` names the config in errors."""

    file: str = "config"
    engine: str | None = None
    strategy: str | None = None
    symbols: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """The spec of a batch that parses and builds, and what was noticed on the way."""

    spec: dict[str, Any]
    warnings: tuple[str, ...]
    total: int
    """Combinations before any constraint between parameters."""
    file: str = "config"
    places: Mapping[str, Place] = field(default_factory=dict, repr=False)

    def in_config(self, error: SpecInvalid) -> ConfigInvalid:
        """What is refused of the spec, where the config has it."""
        return ConfigInvalid(_place_of(error.field, self.places), error.problem, error.mend, self.file)


def convert(content: bytes | str, catalog: Catalog, wishes: Wishes | None = None) -> Converted:
    """Read one config; ConfigInvalid names file, line, path and mend. Pure: the same text gives the same spec."""
    asked = wishes or Wishes()
    try:
        return _convert(parse_document(content), catalog, asked)
    except ConfigInvalid as error:
        raise error.of(asked.file) from error


def is_config(content: bytes | str) -> bool:
    """Whether it is a config rather than a manifest or a spec, by its sections.

    A spec has no section that only configs have, and its parameters are a list. What cannot be read is looked at by its
    lines, so that the error comes from the right reader.
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
    draft = Draft()
    top = fields_of(root, "a config")
    if is_lean(top):
        top = from_lean(top, root.place, catalog, draft)
    judge_keys(top, TOP, draft)
    section = fields_of(top[SECTION], "the optimization") if SECTION in top else {}
    judge_keys(section, OPTIMIZATION, draft)
    parameters = _either(top, section, "parameters")
    if parameters is None:
        raise ConfigInvalid(root.place, "it has no parameters", f"add them under {SECTION}")
    engine = convert_engine(top.get("engine"), wishes.engine, draft)
    strategy = convert_strategy(top.get("strategy"), wishes.strategy, catalog, root.place, draft)
    convert_data(top, strategy, root.place, wishes.symbols, draft)
    known = {each.name: each for each in strategy.parameters} if strategy else {}
    draft.places["spec.parameters"] = parameters.place
    draft.spec["parameters"] = convert_parameters(parameters, known, draft)
    if strategy and engine is not EngineName.BARS:
        say_what_is_not_read(parameters, strategy, draft)
    names = [each["name"] for each in draft.spec["parameters"]]
    convert_criteria(top.get("success_criteria"), _either(top, section, "constraints"), names, draft)
    convert_search(section.get("type"), parameters, draft)
    convert_objective(section.get("target_metric"), section.get("target_direction"), draft)
    _convert_max_concurrent(_either(top, section, "max_concurrent"), draft)
    draft.places["spec"] = root.place
    return _judged(draft, section.get("total_combinations"), catalog, wishes.file)


def _either(top: Mapping[str, Entry], section: Mapping[str, Entry], key: str) -> Entry | None:
    if key in top and key in section:
        problem = f"line {top[key].place.line} gives {key} at the top already"
        raise ConfigInvalid(section[key].place, problem, "keep one of the two")
    return top.get(key) or section.get(key)


def _convert_max_concurrent(entry: Entry | None, draft: Draft) -> None:
    if entry is not None:
        draft.places["spec.maxConcurrent"] = entry.place
        draft.spec["maxConcurrent"] = json_of(number_of(entry))


def _judged(draft: Draft, declared_total: Entry | None, catalog: Catalog, file: str) -> Converted:
    """The spec as acceptance takes it, as far as that can be told without an installation."""
    spec = {key: draft.spec[key] for key in ORDER if key in draft.spec}
    held = [each.name for each in catalog.strategies if each.status is StrategyStatus.ON_HOLD]
    is_bars = spec["engine"]["name"] == EngineName.BARS
    limits = AcceptanceLimits(
        max_combinations=MOST_COMBINATIONS,
        ceilings=NO_CEILINGS,
        # With a project of one's own it may be released, which the operator's catalog knows.
        on_hold=dict.fromkeys(held, "the built-in engine does not have it") if is_bars else {},
        project_paths={each.name: each.lean_project_path for each in catalog.strategies if each.lean_project_path},
    )
    try:
        accepted = check(parse_spec(spec), _strategies(catalog), limits)
    except SpecInvalid as error:
        raise ConfigInvalid(_place_of(error.field, draft.places), error.problem, error.mend) from error
    total = accepted.space.total
    if declared_total is not None and number_of(declared_total) != total:
        said = value_text(number_of(declared_total))
        draft.warn(declared_total.place, f"{said} is declared, but the parameters make {total} combinations")
    if total > MAX_COMBINATIONS:
        text = f"{total:,} combinations are over {MAX_COMBINATIONS:,}, the limit of an installation by default"
        draft.warn(draft.places["spec.parameters"], text)
    return Converted(spec=spec, warnings=tuple(draft.warnings), total=total, file=file, places=draft.places)


def _strategies(catalog: Catalog) -> Strategies:
    """What the engines may know; an installation's operator knows which of it they do."""
    known = {
        each.name: StrategyInfo(parameters={one.name: one.type for one in each.parameters})
        for each in catalog.strategies
    }
    return {EngineName.BARS: known, EngineName.LEAN: None, EngineName.NOOP: None}


def _place_of(spec_path: str, places: Mapping[str, Place]) -> Place:
    """Where the field of the spec came from, or what it stands in."""
    path = spec_path
    while path and path not in places:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return places.get(path, Place(1, ""))

"""Converts the strategy and the engine of a config."""

from collections.abc import Mapping
from difflib import get_close_matches

from backfleet.catalog import Catalog, CatalogStrategy, StrategyStatus
from backfleet.configs.documents import ConfigInvalid, Entry, Place
from backfleet.configs.reading import Conversion, Keys, fields_of, text_of, validate_keys
from backfleet.core.space.scalars import shown
from backfleet.core.spec.choices import EngineName

DEFAULT_ENGINE = EngineName.LEAN
"""Configs are written for LEAN projects. The config's `engine`, or the caller, can choose another engine."""
ENGINES = tuple(each.value for each in EngineName)
SPEC_NAMES = {
    "lean_project_path": "leanProjectPath",
    "lean_algorithm_file": "leanAlgorithmFile",
    "lean_algorithm_type": "leanAlgorithmType",
}
"""The config's keys for the LEAN project, and the spec's fields for them."""
KEYS = Keys(
    known=("name", *SPEC_NAMES),
    silent=(
        "description", "category", "asset_class", "revision_of", "revision_reason", "id", "status", "priority",
        "note", "notes", "author", "version",
    ),
)  # fmt: skip


def convert_engine(entry: Entry | None, wished: str | None, conversion: Conversion) -> EngineName:
    """Put `engine` into the conversion: the caller's, else the config's, else LEAN."""
    name = wished
    if name is None and entry is not None:
        conversion.places["spec.engine"] = entry.place
        name = text_of(entry).strip().lower()
        if name not in ENGINES:
            raise ConfigInvalid(
                entry.place, f"expected an engine, got {shown(name)}", f"write one of: {', '.join(ENGINES)}"
            )
    engine = EngineName(name) if name else DEFAULT_ENGINE
    conversion.spec["engine"] = {"name": engine.value}
    return engine


def convert_strategy(
    entry: Entry | None, wished: str | None, catalog: Catalog, whole: Place, conversion: Conversion
) -> CatalogStrategy | None:
    """Convert the strategy, with the catalog's project if the config has none. Return the catalog's row, or None."""
    fields = _fields(entry, conversion)
    place = fields["name"].place if "name" in fields else whole
    name = wished or (text_of(fields["name"]).strip() if "name" in fields else None)
    if not name:
        hint = "add `strategy: {name: …}`, or name it with --strategy"
        raise ConfigInvalid(entry.place if entry else whole, "the config names no strategy", hint)
    known = {each.name: each for each in catalog.strategies}
    found = known.get(name)
    conversion.places |= {"spec.strategy": place, "spec.strategy.name": place}
    spec = {"name": name}
    for key, spec_name in SPEC_NAMES.items():
        if key in fields:
            conversion.places[f"spec.strategy.{spec_name}"] = fields[key].place
            spec[spec_name] = text_of(fields[key]).strip()
    project = spec.get("leanProjectPath")
    if project is None and found is not None and found.lean_project_path is not None:
        spec["leanProjectPath"] = found.lean_project_path
    conversion.spec["strategy"] = spec
    if found is None:
        close = get_close_matches(name, known, n=1)
        hint = f". Did you mean {close[0]}?" if close else ""
        conversion.warn(place, f"the catalog has no strategy {shown(name)}, so its parameters are not checked{hint}")
    elif found.status is StrategyStatus.ON_HOLD:
        conversion.warn(
            place, f"{name} is on hold; the operator refuses the batch until its catalog releases the strategy"
        )
    elif project and project != found.lean_project_path:
        text = f"the catalog has {found.lean_project_path}; the config's project is used"
        conversion.warn(fields["lean_project_path"].place, text)
    return found


def say_what_is_not_read(parameters: Entry, strategy: CatalogStrategy, conversion: Conversion) -> None:
    """Warn about parameters that the catalog does not list. A LEAN project accepts any parameter, so this is not an error."""
    known = [each.name for each in strategy.parameters]
    for name, entry in parameters.value.items() if isinstance(parameters.value, Mapping) else ():
        if known and name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}? " if close else ""
            text = f"the catalog does not list it for {strategy.name}. {hint}Listed: {', '.join(known)}"
            conversion.warn(entry.place, text)


def _fields(entry: Entry | None, conversion: Conversion) -> Mapping[str, Entry]:
    """Return the fields of the section. A name alone counts as `name`."""
    if entry is None:
        return {}
    if isinstance(entry.value, str):
        return {"name": entry}
    fields = fields_of(entry, "a strategy section")
    validate_keys(fields, KEYS, conversion)
    return fields

"""Reads LEAN's own optimizer config (`lean optimize --optimizer-config`) as a config. Only the names differ.

The keys are those of LEAN's Optimizer.Launcher. LEAN's file does not give the strategy, the symbols or the dates, so it may
also have the keys `strategy`, `backtest`, `symbols`, `success_criteria` and `engine`.
"""

from collections.abc import Collection, Mapping
from decimal import ROUND_DOWN, Context, Decimal
from pathlib import PurePosixPath

from backfleet.catalog import Catalog
from backfleet.configs.documents import ConfigInvalid, Entry, Place
from backfleet.configs.reading import Conversion, fields_of, items_of, number_of, text_of
from backfleet.configs.wording import near
from backfleet.core.space.scalars import MAX_DIGITS, is_whole, shown, value_text

MARK = "optimization-"
"""The prefix of LEAN's keys. Keys of other configs never begin with it."""
CRITERION = "optimization-criterion"
STRATEGY = "optimization-strategy"
SETTINGS = "optimization-strategy-settings"
CONCURRENT = "maximum-concurrent-backtests"
LOCATION = "algorithm-location"
TYPE_NAME = "algorithm-type-name"
READ = (CRITERION, STRATEGY, SETTINGS, CONCURRENT, LOCATION, TYPE_NAME, "constraints", "parameters")
OURS = ("strategy", "backtest", "backtest_settings", "symbols", "start_date", "end_date", "success_criteria", "engine")
MAIN = "main.py"
"""The file of a project that LEAN runs by default."""
CUTS = ("out-of-sample-max-end-date", "out-of-sample-days")
OPERATORS = {
    "less": "<",
    "lessorequal": "<=",
    "greater": ">",
    "greaterorequal": ">=",
    "equals": "==",
    "notequal": "!=",
}
SIGNS = ("<", "<=", ">", ">=", "==", "!=")
NAMES = {"min": "start", "max": "end", "key": "name"}
"""LEAN's names, and the names that configs use for the same."""
PARAMETER_KEYS = ("name", "start", "end", "step", "min-step", "value", "type")
SEGMENTS = "default-segment-amount"
DIGITS = Context(prec=MAX_DIGITS, rounding=ROUND_DOWN)
"""LEAN divides a range with 28 digits. Here a value has at most 15."""


def is_lean(top: Mapping[str, Entry]) -> bool:
    """Return whether this is LEAN's own optimizer config."""
    return any(key.startswith(MARK) for key in top)


def from_lean(top: Mapping[str, Entry], whole: Place, catalog: Catalog, conversion: Conversion) -> dict[str, Entry]:
    """Return the sections of a config, each with its place in LEAN's file."""
    _validate_keys(top, conversion)
    found = {key: entry for key, entry in top.items() if key in OURS}
    optimization: dict[str, Entry] = {}
    if STRATEGY in top:
        optimization["type"] = top[STRATEGY]
    if CRITERION in top:
        with conversion.going_on():
            optimization |= _criterion(top[CRITERION], conversion)
    if "constraints" in top:
        with conversion.going_on():
            optimization["constraints"] = _constraints(top["constraints"], conversion)
    if "parameters" in top:
        with conversion.going_on():
            optimization["parameters"] = _parameters(top["parameters"], top.get(SETTINGS), conversion)
    found["optimization"] = Entry(whole, optimization)
    if CONCURRENT in top:
        found["max_concurrent"] = top[CONCURRENT]
    if "strategy" not in found:
        with conversion.going_on():
            if (strategy := _strategy(top, catalog, conversion)) is not None:
                found["strategy"] = strategy
    return found


def _validate_keys(top: Mapping[str, Entry], conversion: Conversion) -> None:
    """Refuse only keys that look like a misspelled key. LEAN's file may have any of LEAN's hundreds of keys."""
    for key, entry in top.items():
        if key in READ or key in OURS:
            continue
        if key in CUTS:
            conversion.warn(entry.place, "ignored: the backtest section gives the dates")
        elif close := near(key, READ):
            conversion.faults.append(ConfigInvalid(entry.place, "the key is unknown", f"did you mean {close}?"))


def _criterion(entry: Entry, conversion: Conversion) -> dict[str, Entry]:
    fields = _known(entry, ("target", "extremum", "target-value"), conversion)
    if "target-value" in fields:
        conversion.warn(fields["target-value"].place, "ignored: a batch does not end early, it runs every combination")
    names = {"target": "target_metric", "extremum": "target_direction"}
    return {names[key]: each for key, each in fields.items() if key in names}


def _constraints(entry: Entry, conversion: Conversion) -> Entry:
    items: list[Entry] = []
    for each in items_of(entry):
        with conversion.going_on():
            items.append(_constraint(each, conversion))
    return Entry(entry.place, tuple(items))


def _constraint(entry: Entry, conversion: Conversion) -> Entry:
    """Return the constraint as text, such as "Drawdown <= 0.15"."""
    if isinstance(entry.value, str):
        return entry
    fields = _known(entry, ("target", "operator", "target-value"), conversion)
    missing = [key for key in ("target", "operator", "target-value") if key not in fields]
    if missing:
        raise ConfigInvalid(entry.place, f"the constraint has no {missing[0]}", f"add {missing[0]}")
    wanted = text_of(fields["operator"]).strip()
    sign = wanted if wanted in SIGNS else OPERATORS.get(wanted.lower())
    if sign is None:
        known = "less, lessOrEqual, greater or greaterOrEqual"
        raise ConfigInvalid(fields["operator"].place, f"expected an operator, got {shown(wanted)}", f"write {known}")
    text = f"{text_of(fields['target'])} {sign} {text_of(fields['target-value'])}"
    return Entry(entry.place, text, is_quoted=True)


def _parameters(entry: Entry, settings: Entry | None, conversion: Conversion) -> Entry:
    """Convert LEAN's list of parameters to a section by name. Return a section unchanged."""
    if not isinstance(entry.value, tuple):
        return entry
    found: dict[str, Entry] = {}
    for item in entry.value:
        with conversion.going_on():
            fields = _known(item, PARAMETER_KEYS, conversion)
            if "name" not in fields:
                raise ConfigInvalid(item.place, "the parameter has no name", "add name")
            name = text_of(fields.pop("name"))
            if name in found:
                problem = f"{shown(name)} is already declared in line {found[name].place.line}"
                raise ConfigInvalid(item.place, problem, "declare each parameter once")
            found[name] = Entry(item.place, _values(item.place, fields, settings))
    return Entry(entry.place, found)


def _values(place: Place, fields: Mapping[str, Entry], settings: Entry | None) -> dict[str, Entry]:
    """Return the fields of a parameter as LEAN reads them.

    A fixed value takes precedence over a range. A range without a step is divided into segments, and the smallest step of
    Euler Search is a tenth of a segment.
    """
    if "value" in fields:
        return {key: each for key, each in fields.items() if key in ("value", "type")}
    found = {key.replace("-", "_"): each for key, each in fields.items()}
    if "step" in fields or not {"start", "end"} <= fields.keys():
        return found
    start, end = number_of(fields["start"]), number_of(fields["end"])
    if start == end:
        return {key: each for key, each in found.items() if key == "type"} | {"value": fields["start"]}
    step = DIGITS.divide(end - start, _segments(place, settings))
    steps = {"step": step, "min_step": DIGITS.divide(step, 10)}
    return found | {key: Entry(place, format(each, "f")) for key, each in steps.items()}


def _segments(place: Place, settings: Entry | None) -> Decimal:
    """Return into how many parts LEAN divides a range without a step."""
    missing = ConfigInvalid(
        place, f"the range has no step, and {SETTINGS} has no {SEGMENTS}", f"add step or {SEGMENTS}"
    )
    if settings is None:
        raise missing
    found = [
        each for key, each in fields_of(settings, "a section of settings").items() if _plain(key) == _plain(SEGMENTS)
    ]
    if not found:
        raise missing
    amount = number_of(found[0])
    if not is_whole(amount) or amount < 1:
        problem = f"expected a number of segments, got {value_text(amount)}"
        raise ConfigInvalid(found[0].place, problem, "write a whole number, 1 or more")
    return amount


def _known(entry: Entry, known: Collection[str], conversion: Conversion) -> dict[str, Entry]:
    """Return the fields under the names of configs. Their case does not matter.

    An unknown field is an error, since LEAN would ignore it silently.
    """
    names = {_plain(key): key for key in known} | {_plain(key): name for key, name in NAMES.items() if name in known}
    found: dict[str, Entry] = {}
    for key, each in fields_of(entry, "a section").items():
        with conversion.going_on():
            name = names.get(_plain(key))
            if name is None:
                words = [*(key for key, name in NAMES.items() if name in known), *known]
                close = near(key, words)
                hint = f"did you mean {close}?" if close else f"use one of: {', '.join(words)}"
                raise ConfigInvalid(each.place, "the key is unknown", hint)
            if name in found:
                problem = f"line {found[name].place.line} already sets this under another name"
                raise ConfigInvalid(each.place, problem, "keep one of the two")
            found[name] = each
    return found


def _plain(key: str) -> str:
    """Reduce a key to its letters. LEAN does not distinguish target-value, targetValue and TargetValue."""
    return key.lower().replace("-", "").replace("_", "")


def _strategy(top: Mapping[str, Entry], catalog: Catalog, conversion: Conversion) -> Entry | None:
    """Find the catalog's strategy by the algorithm's location or type, and the file that LEAN runs."""
    fields: dict[str, Entry] = {}
    location, kind = top.get(LOCATION), top.get(TYPE_NAME)
    if location is not None:
        parts = PurePosixPath(text_of(location).replace("\\", "/")).parts
        name, within = _named(parts, catalog)
        file = "/".join(within)
        if name is not None:
            fields["name"] = Entry(location.place, name, is_quoted=True)
        if file.endswith((".py", ".dll")) and file != MAIN:
            fields["lean_algorithm_file"] = Entry(location.place, file, is_quoted=True)
        if PurePosixPath(file).suffix not in ("", ".py", ".dll"):
            text = f"expected a Python file or a DLL, got {shown(file)}; using {MAIN}"
            conversion.warn(location.place, text)
        if file.endswith(".dll") and kind is not None:
            fields["lean_algorithm_type"] = kind
    if "name" not in fields and kind is not None:
        name, _ = _named((text_of(kind),), catalog)
        if name is not None:
            fields["name"] = Entry(kind.place, name, is_quoted=True)
    return Entry(next(iter(fields.values())).place, fields) if fields else None


def _named(parts: tuple[str, ...], catalog: Catalog) -> tuple[str | None, tuple[str, ...]]:
    """Return the strategy that a part of a path names, and the parts after it; without a strategy, the last part."""
    for strategy in catalog.strategies:
        for each in (strategy.name, strategy.lean_project_path):
            if each in parts:
                return strategy.name, parts[parts.index(each) + 1 :]
    return None, parts[-1:]

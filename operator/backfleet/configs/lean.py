"""LEAN's own optimizer config (`lean optimize --optimizer-config`) read as a config: the same things under other names.

The keys are those of LEAN's Optimizer.Launcher. LEAN's file names neither strategy, symbols nor dates of ours, so
`strategy`, `backtest`, `symbols`, `success_criteria` and `engine` may stand in it beside LEAN's keys.
"""

from collections.abc import Collection, Mapping
from decimal import ROUND_DOWN, Context, Decimal
from pathlib import PurePosixPath

from backfleet.catalog import Catalog
from backfleet.configs.documents import ConfigInvalid, Entry, Place
from backfleet.configs.reading import Draft, fields_of, items_of, number_of, text_of
from backfleet.configs.wording import near
from backfleet.core.scalars import MAX_DIGITS, is_whole, shown, value_text

MARK = "optimization-"
"""What LEAN's keys begin with, and those of other configs never do."""
CRITERION = "optimization-criterion"
STRATEGY = "optimization-strategy"
SETTINGS = "optimization-strategy-settings"
CONCURRENT = "maximum-concurrent-backtests"
LOCATION = "algorithm-location"
TYPE_NAME = "algorithm-type-name"
READ = (CRITERION, STRATEGY, SETTINGS, CONCURRENT, LOCATION, TYPE_NAME, "constraints", "parameters")
OURS = ("strategy", "backtest", "backtest_settings", "symbols", "start_date", "end_date", "success_criteria", "engine")
MAIN = "main.py"
"""What runs of a project when nothing else is said."""
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
"""What LEAN calls what configs have other words for."""
PARAMETER_KEYS = ("name", "start", "end", "step", "min-step", "value", "type")
SEGMENTS = "default-segment-amount"
DIGITS = Context(prec=MAX_DIGITS, rounding=ROUND_DOWN)
"""LEAN divides a range with 28 digits; a value here has at most 15."""


def is_lean(top: Mapping[str, Entry]) -> bool:
    """Whether it is LEAN's own optimizer config."""
    return any(key.startswith(MARK) for key in top)


def from_lean(top: Mapping[str, Entry], whole: Place, catalog: Catalog, draft: Draft) -> dict[str, Entry]:
    """The sections of a config, at the places where LEAN's file has them."""
    _judge_keys(top, draft)
    found = {key: entry for key, entry in top.items() if key in OURS}
    optimization: dict[str, Entry] = {}
    if STRATEGY in top:
        optimization["type"] = top[STRATEGY]
    if CRITERION in top:
        with draft.going_on():
            optimization |= _criterion(top[CRITERION], draft)
    if "constraints" in top:
        with draft.going_on():
            optimization["constraints"] = _constraints(top["constraints"], draft)
    if "parameters" in top:
        with draft.going_on():
            optimization["parameters"] = _parameters(top["parameters"], top.get(SETTINGS), draft)
    found["optimization"] = Entry(whole, optimization)
    if CONCURRENT in top:
        found["max_concurrent"] = top[CONCURRENT]
    if "strategy" not in found:
        with draft.going_on():
            if (strategy := _strategy(top, catalog, draft)) is not None:
                found["strategy"] = strategy
    return found


def _judge_keys(top: Mapping[str, Entry], draft: Draft) -> None:
    """LEAN's file may hold any of LEAN's hundreds of keys, so only what is nearly one of those read is refused."""
    for key, entry in top.items():
        if key in READ or key in OURS:
            continue
        if key in CUTS:
            draft.warn(entry.place, "the dates are those of the backtest section, so this is passed over")
        elif close := near(key, READ):
            draft.faults.append(ConfigInvalid(entry.place, "the key is unknown", f"did you mean {close}?"))


def _criterion(entry: Entry, draft: Draft) -> dict[str, Entry]:
    fields = _known(entry, ("target", "extremum", "target-value"), draft)
    if "target-value" in fields:
        draft.warn(fields["target-value"].place, "nothing ends early here: every combination is run")
    names = {"target": "target_metric", "extremum": "target_direction"}
    return {names[key]: each for key, each in fields.items() if key in names}


def _constraints(entry: Entry, draft: Draft) -> Entry:
    items: list[Entry] = []
    for each in items_of(entry):
        with draft.going_on():
            items.append(_constraint(each, draft))
    return Entry(entry.place, tuple(items))


def _constraint(entry: Entry, draft: Draft) -> Entry:
    """The constraint as text, like "Drawdown <= 0.15"."""
    if isinstance(entry.value, str):
        return entry
    fields = _known(entry, ("target", "operator", "target-value"), draft)
    missing = [key for key in ("target", "operator", "target-value") if key not in fields]
    if missing:
        raise ConfigInvalid(entry.place, f"the constraint has no {missing[0]}", f"add {missing[0]}")
    wanted = text_of(fields["operator"]).strip()
    sign = wanted if wanted in SIGNS else OPERATORS.get(wanted.lower())
    if sign is None:
        known = "less, lessOrEqual, greater or greaterOrEqual"
        raise ConfigInvalid(fields["operator"].place, f"there is no operator {shown(wanted)}", f"write {known}")
    text = f"{text_of(fields['target'])} {sign} {text_of(fields['target-value'])}"
    return Entry(entry.place, text, is_quoted=True)


def _parameters(entry: Entry, settings: Entry | None, draft: Draft) -> Entry:
    """LEAN's list as a section by name; a section is taken as it is."""
    if not isinstance(entry.value, tuple):
        return entry
    found: dict[str, Entry] = {}
    for item in entry.value:
        with draft.going_on():
            fields = _known(item, PARAMETER_KEYS, draft)
            if "name" not in fields:
                raise ConfigInvalid(item.place, "the parameter has no name", "add name")
            name = text_of(fields.pop("name"))
            if name in found:
                problem = f"{shown(name)} is declared in line {found[name].place.line} already"
                raise ConfigInvalid(item.place, problem, "give each parameter once")
            found[name] = Entry(item.place, _values(item.place, fields, settings))
    return Entry(entry.place, found)


def _values(place: Place, fields: Mapping[str, Entry], settings: Entry | None) -> dict[str, Entry]:
    """A fixed value wins over a range; a range without a step is divided, and Euler's steps begin at a tenth of that."""
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
    """How many parts LEAN makes of a range without a step."""
    missing = ConfigInvalid(
        place, f"the range has no step, and {SETTINGS} has no {SEGMENTS}", f"add step, or {SEGMENTS}"
    )
    if settings is None:
        raise missing
    found = [each for key, each in fields_of(settings, "settings").items() if _plain(key) == _plain(SEGMENTS)]
    if not found:
        raise missing
    amount = number_of(found[0])
    if not is_whole(amount) or amount < 1:
        raise ConfigInvalid(found[0].place, f"{value_text(amount)} is not a number of segments", "write 1 or more")
    return amount


def _known(entry: Entry, known: Collection[str], draft: Draft) -> dict[str, Entry]:
    """The fields under our names, whatever their case; an unknown one is an error, as LEAN would leave it out silently."""
    names = {_plain(key): key for key in known} | {_plain(key): name for key, name in NAMES.items() if name in known}
    found: dict[str, Entry] = {}
    for key, each in fields_of(entry, "a section").items():
        with draft.going_on():
            name = names.get(_plain(key))
            if name is None:
                words = [*(key for key, name in NAMES.items() if name in known), *known]
                close = near(key, words)
                hint = f"did you mean {close}?" if close else f"known here: {', '.join(words)}"
                raise ConfigInvalid(each.place, "the key is unknown", hint)
            if name in found:
                problem = f"line {found[name].place.line} says the same under another name"
                raise ConfigInvalid(each.place, problem, "keep one of the two")
            found[name] = each
    return found


def _plain(key: str) -> str:
    """LEAN reads target-value, targetValue and TargetValue alike."""
    return key.lower().replace("-", "").replace("_", "")


def _strategy(top: Mapping[str, Entry], catalog: Catalog, draft: Draft) -> Entry | None:
    """The strategy of the catalog whose project or name the algorithm's location or type names, and the file that LEAN runs."""
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
            draft.warn(location.place, f"a Python file or a DLL runs here, so {shown(file)} is passed over for {MAIN}")
        if file.endswith(".dll") and kind is not None:
            fields["lean_algorithm_type"] = kind
    if "name" not in fields and kind is not None:
        name, _ = _named((text_of(kind),), catalog)
        if name is not None:
            fields["name"] = Entry(kind.place, name, is_quoted=True)
    return Entry(next(iter(fields.values())).place, fields) if fields else None


def _named(parts: tuple[str, ...], catalog: Catalog) -> tuple[str | None, tuple[str, ...]]:
    """The strategy that a part of a path names, and what follows it; without one the last part."""
    for strategy in catalog.strategies:
        for each in (strategy.name, strategy.lean_project_path):
            if each in parts:
                return strategy.name, parts[parts.index(each) + 1 :]
    return None, parts[-1:]

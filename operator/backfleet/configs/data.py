"""Converts the symbols, dates and cash of a config. What the config leaves out comes from the catalog's strategies."""

from collections.abc import Mapping
from typing import Any

from backfleet.catalog import CatalogStrategy
from backfleet.configs.documents import ConfigInvalid, Entry, Place
from backfleet.configs.reading import Conversion, Keys, fields_of, items_of, json_of, number_of, text_of, validate_keys
from backfleet.core.space.scalars import shown
from backfleet.core.spec.defaults import INITIAL_CASH

DEFAULT_START = "2020-01-01"
DEFAULT_END = "2024-12-31"
DEFAULTS: dict[str, Any] = {
    "symbols": ["SPY"],
    "startDate": DEFAULT_START,
    "endDate": DEFAULT_END,
    "initialCash": INITIAL_CASH,
}
"""Replaces what could not be read, so that the rest can still be checked."""
SECTIONS = ("backtest", "backtest_settings")
CASH = ("initial_capital", "initial_cash", "cash")
RESOLUTION = ("resolution", "data_resolution")
NAMES = ("symbols", "start_date", "end_date", *CASH, *RESOLUTION, "brokerage")
KEYS = Keys(
    known=NAMES,
    silent=("description", "note", "notes", "comment", "timezone"),
    others={"start": "start_date", "end": "end_date", "symbol": "symbols", "tickers": "symbols", "capital": CASH[0]},
    told=dict.fromkeys(("fees", "fee_assumptions", "fee_model"), "ignored: the engine's settings decide the fee model"),
)


def convert_data(
    top: Mapping[str, Entry],
    strategy: CatalogStrategy | None,
    whole: Place,
    wished: tuple[str, ...] | None,
    conversion: Conversion,
) -> None:
    """Put `data` into the conversion. The symbols are the caller's, else the config's, else the catalog's.

    `whole` is where the config begins. Warnings about what is missing name it.
    """
    fields = _fields(top, conversion)
    if wished is not None:
        fields["symbols"] = _wished(wished)
    data: dict[str, Any] = dict(DEFAULTS)
    conversion.spec["data"] = data
    with conversion.going_on():
        data["symbols"] = _symbols(fields.get("symbols"), strategy, whole, conversion)
    left_out: list[str] = []
    for key, name in (("start_date", "startDate"), ("end_date", "endDate")):
        entry = fields.get(key)
        if entry is None:
            left_out.append(f"{key} {data[name]}")
        else:
            conversion.places[f"spec.data.{name}"] = entry.place
            with conversion.going_on():
                data[name] = text_of(entry).strip()
    if left_out:
        conversion.warn(whole, f"dates are missing; using {' and '.join(left_out)}, as the catalog's strategies do")
    with conversion.going_on():
        cash = _one_of(fields, CASH)
        if cash is not None:
            conversion.places["spec.data.initialCash"] = cash.place
            data["initialCash"] = json_of(number_of(cash))
    _say_what_the_engine_decides(fields, conversion)


def _fields(top: Mapping[str, Entry], conversion: Conversion) -> dict[str, Entry]:
    """Collect the data settings from the top level and the sections. A setting that occurs twice must agree."""
    found: dict[str, Entry] = {key: entry for key, entry in top.items() if key in NAMES}
    for name in SECTIONS:
        if name not in top:
            continue
        with conversion.going_on():
            section = fields_of(top[name], "a backtest section")
            validate_keys(section, KEYS, conversion)
            for key, entry in section.items():
                if key in NAMES:
                    with conversion.going_on():
                        _refuse_contradiction(found.setdefault(key, entry), entry)
    return found


def _one_of(fields: Mapping[str, Entry], names: tuple[str, ...]) -> Entry | None:
    entries = [fields[name] for name in names if name in fields]
    for entry in entries[1:]:
        _refuse_contradiction(entries[0], entry)
    return entries[0] if entries else None


def _refuse_contradiction(first: Entry, second: Entry) -> None:
    if _plain(first) != _plain(second):
        problem = f"the value differs from {first.place.path} in line {first.place.line}"
        raise ConfigInvalid(second.place, problem, "keep one of the two")


def _plain(entry: Entry) -> object:
    if isinstance(entry.value, tuple):
        return [_plain(item) for item in entry.value]
    return entry.value.strip() if isinstance(entry.value, str) else entry.value


def _symbols(entry: Entry | None, strategy: CatalogStrategy | None, whole: Place, conversion: Conversion) -> list[str]:
    if entry is None:
        if strategy is None or not strategy.symbols:
            hint = "add `symbols: [SPY]` with the symbols that the strategy trades"
            raise ConfigInvalid(whole, "the config names no symbols, and the catalog has none for its strategy", hint)
        conversion.places["spec.data.symbols"] = whole
        return list(strategy.symbols)
    conversion.places["spec.data.symbols"] = entry.place
    items = items_of(entry)
    for position, item in enumerate(items):
        conversion.places[f"spec.data.symbols[{position}]"] = item.place
    return [text_of(item).strip() for item in items]


def _wished(symbols: tuple[str, ...]) -> Entry:
    place = Place(1, "requested symbols")
    return Entry(place, tuple(Entry(place, symbol, is_quoted=True) for symbol in symbols))


def _say_what_the_engine_decides(fields: Mapping[str, Entry], conversion: Conversion) -> None:
    with conversion.going_on():
        resolution = _one_of(fields, RESOLUTION)
        if resolution is not None and text_of(resolution).strip().lower() != "daily":
            said = shown(text_of(resolution))
            conversion.warn(resolution.place, f"{said} is ignored: the strategy decides its resolution (bars: daily)")
    with conversion.going_on():
        _say_what_brokerage_is(fields.get("brokerage"), conversion)


def _say_what_brokerage_is(brokerage: Entry | None, conversion: Conversion) -> None:
    if brokerage is not None and not text_of(brokerage).lower().replace(" ", "").startswith("interactivebrokers"):
        said = shown(text_of(brokerage))
        conversion.warn(brokerage.place, f"{said} is ignored: the engine decides the brokerage model")

"""Checks a converted config as acceptance does and finds every fault in one run.

Each round leaves out what the round before refused.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backfleet.catalog import Catalog, StrategyStatus
from backfleet.configs.data import DEFAULTS as DATA_DEFAULTS
from backfleet.configs.documents import MAX_FAULTS, ConfigInvalid, Place
from backfleet.configs.reading import Conversion
from backfleet.core.errors import SpecInvalid
from backfleet.core.spec.ceilings import NO_CEILINGS
from backfleet.core.spec.choices import EngineName
from backfleet.core.spec.model import find_faults, parse_spec
from backfleet.core.spec.strategy_info import StrategyInfo
from backfleet.core.spec.validation import AcceptanceLimits, AcceptedBatch, Strategies, validate_spec

MOST_COMBINATIONS = 10**15
"""The limit for a config. Each installation has a lower limit of its own; above the default of that, a warning is enough."""
STAND_IN = {"strategy": {"name": "any", "leanProjectPath": "any"}, "engine": {"name": EngineName.LEAN.value}}
"""Replaces a strategy that could not be read, so that the rest can still be checked."""
_PART = re.compile(r"spec\.(?P<section>\w+)(?:\[(?P<position>\d+)\]|\.(?P<name>\w+))?")


@dataclass(slots=True)
class _Rest:
    """The spec without its refused parts. Items of lists keep their original positions."""

    spec: dict[str, Any]
    parameters: list[tuple[int, dict[str, Any]]]
    constraints: list[tuple[int, str]]

    def whole(self) -> dict[str, Any]:
        lists: dict[str, Any] = {"parameters": [each for _, each in self.parameters]}
        if self.constraints:
            lists["constraints"] = [each for _, each in self.constraints]
        return self.spec | lists

    def original(self, field: str) -> str:
        """Return the path of the field as it was before anything was left out."""
        found = _PART.match(field)
        items = {"parameters": self.parameters, "constraints": self.constraints}.get(found["section"] if found else "")
        if found is None or found["position"] is None or items is None:
            return field
        return f"spec.{found['section']}[{items[int(found['position'])][0]}]{field[found.end() :]}"  # type: ignore[index]

    def leave_out(self, field: str) -> bool:
        """Remove a refused part by its original field. Return False if nothing can be checked without it."""
        found = _PART.match(field)
        section = found["section"] if found else ""
        if found is None or section == "engine":
            return False
        if section in ("parameters", "constraints"):
            return found["position"] is not None and self._leave_out_item(section, int(found["position"]))
        if section == "strategy":
            self.spec |= STAND_IN
        elif section == "data":
            self.spec["data"] = self.spec["data"] | {found["name"]: DATA_DEFAULTS[found["name"]]}
        elif section == "successCriteria" and found["name"]:
            self.spec[section] = {key: each for key, each in self.spec[section].items() if key != found["name"]}
        else:
            self.spec.pop(section, None)
        return True

    def _leave_out_item(self, section: str, position: int) -> bool:
        if section == "constraints":
            self.constraints = [each for each in self.constraints if each[0] != position]
            return True
        names = [each["name"] for index, each in self.parameters if index == position]
        self.parameters = [each for each in self.parameters if each[0] != position]
        self.constraints = [each for each in self.constraints if not any(name in each[1] for name in names)]
        return bool(self.parameters)


def validate(conversion: Conversion, unread: Sequence[str], catalog: Catalog) -> AcceptedBatch | None:
    """Return the accepted batch, or None if it was refused. Add every fault to `conversion.faults`.

    The check covers what does not depend on an installation. `unread` holds the names of the parameters that could not be
    read. Constraints may still mention them.
    """
    constraints = list(enumerate(conversion.spec.get("constraints", [])))
    lists = ("parameters", "constraints")
    rest = _Rest(
        spec=STAND_IN
        | {"data": DATA_DEFAULTS}
        | {key: each for key, each in conversion.spec.items() if key not in lists},
        parameters=list(enumerate(conversion.spec.get("parameters", []))),
        constraints=[each for each in constraints if not any(name in each[1] for name in unread)],
    )
    if (conversion.faults and not rest.parameters) or not _validate_fields(rest, conversion):
        return None
    for _ in range(MAX_FAULTS):
        try:
            return validate_spec(parse_spec(rest.whole()), _strategies(catalog), _limits(rest.spec, catalog))
        except SpecInvalid as error:
            field = rest.original(error.field)
            _add(conversion, field, error)
            if not rest.leave_out(field):
                return None
    return None


def place_of(spec_path: str, places: Mapping[str, Place]) -> Place:
    """Return where the config has this field of the spec, or the nearest field around it."""
    path = spec_path
    while path and path not in places:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return places.get(path, Place(1, ""))


def _validate_fields(rest: _Rest, conversion: Conversion) -> bool:
    """Add a fault for each field that is not valid by itself. Return whether enough is left to go on."""
    faults = {rest.original(each.field): each for each in find_faults(rest.whole())}
    for field, fault in faults.items():
        _add(conversion, field, fault)
    left_out = [rest.leave_out(field) for field in faults]
    return all(left_out)


def _add(conversion: Conversion, field: str, fault: SpecInvalid) -> None:
    error = ConfigInvalid(place_of(field, conversion.places), fault.problem, fault.hint)
    error.__cause__ = fault
    conversion.faults.append(error)


def _limits(spec: Mapping[str, Any], catalog: Catalog) -> AcceptanceLimits:
    held = [each.name for each in catalog.strategies if each.status is StrategyStatus.ON_HOLD]
    is_bars = spec["engine"]["name"] == EngineName.BARS
    return AcceptanceLimits(
        max_combinations=MOST_COMBINATIONS,
        ceilings=NO_CEILINGS,
        # For a LEAN project, only the operator's catalog knows whether the strategy is still on hold.
        on_hold=dict.fromkeys(held, "the built-in engine does not have it") if is_bars else {},
        project_paths={each.name: each.lean_project_path for each in catalog.strategies if each.lean_project_path},
    )


def _strategies(catalog: Catalog) -> Strategies:
    """Return the strategies that each engine may know. The operator knows which of them its installation has."""
    known = {
        each.name: StrategyInfo(parameters={one.name: one.type for one in each.parameters})
        for each in catalog.strategies
    }
    return {EngineName.BARS: known, EngineName.LEAN: None, EngineName.NOOP: None}

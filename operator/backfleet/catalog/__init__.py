"""The catalog that ships with the product: fifteen strategies with their parameters, and the success criteria of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from importlib import resources
from typing import Any

from backfleet.core.criteria import SuccessCriteria
from backfleet.core.scalars import ParameterType


@unique
class StrategyStatus(StrEnum):
    """How far a strategy is."""

    AVAILABLE = "available"
    """The built-in engine runs it."""
    TESTING = "testing"
    """It runs as a LEAN project that the user brings."""
    ON_HOLD = "on_hold"
    """A batch for it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogParameter:
    """A parameter that a strategy reads; `default` is its exact text."""

    name: str
    type: ParameterType
    default: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogStrategy:
    """One strategy; without criteria of its own the default ones count."""

    id: str
    name: str
    category: str
    asset_class: str
    lean_project_path: str | None
    symbols: tuple[str, ...]
    status: StrategyStatus
    description: str
    parameters: tuple[CatalogParameter, ...]
    criteria: SuccessCriteria | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """What the tables are seeded with."""

    strategies: tuple[CatalogStrategy, ...]
    default_criteria: SuccessCriteria


def load() -> Catalog:
    """Read the shipped catalog."""
    body = json.loads(resources.files(__name__).joinpath("strategies.json").read_text(encoding="utf-8"))
    return Catalog(
        strategies=tuple(_strategy(row) for row in body["strategies"]),
        default_criteria=SuccessCriteria.from_json(body["defaultCriteria"]),
    )


def _strategy(row: Mapping[str, Any]) -> CatalogStrategy:
    return CatalogStrategy(
        id=row["id"],
        name=row["name"],
        category=row["category"],
        asset_class=row["assetClass"],
        lean_project_path=row["leanProjectPath"],
        symbols=tuple(row["symbols"]),
        status=StrategyStatus(row["status"]),
        description=row["description"],
        parameters=tuple(
            CatalogParameter(name=each["name"], type=ParameterType(each["type"]), default=each["default"])
            for each in row["parameters"]
        ),
        criteria=None if row["criteria"] is None else SuccessCriteria.from_json(row["criteria"]),
    )

"""Reads the catalog that ships with Backfleet: fifteen strategies with their parameters and success criteria."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from importlib import resources
from typing import Any

from backfleet.core.criteria import SuccessCriteria
from backfleet.core.space.scalars import ParameterType


@unique
class StrategyStatus(StrEnum):
    """The status of a strategy."""

    AVAILABLE = "available"
    """The built-in engine runs it."""
    TESTING = "testing"
    """It runs as a LEAN project that the user provides."""
    ON_HOLD = "on_hold"
    """The operator refuses batches for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogParameter:
    """A parameter that a strategy reads. `default` is its exact text."""

    name: str
    type: ParameterType
    default: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogStrategy:
    """One strategy. If it has no criteria, the default criteria apply."""

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
    """The strategies and default criteria that seed the tables."""

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

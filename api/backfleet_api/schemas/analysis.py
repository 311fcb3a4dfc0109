"""Answers that look at many results of a batch together."""

from enum import StrEnum, unique
from typing import Any

from pydantic import Field

from backfleet.core.analysis.spread import Edge
from backfleet_api.schemas.reading import Body, Number, Objective, Parameters


@unique
class Others(StrEnum):
    """What a heat map does with the parameters that it does not show."""

    BEST = "best"
    """It holds them at the values of the best result."""
    MIN = "min"
    MEDIAN = "median"
    MAX = "max"
    PASSING = "passing"


class ValueFigures(Body):
    """The results with one value of a parameter. Mean, median and best are of those that have the metric."""

    value: str = Field(description="the exact text of the value, the first one if several share the entry")
    last_value: str = Field(description="the last value of the entry: another only where there are over 1,000 values")
    count: int
    passed: int
    passing_share: Number | None = Field(description="passed / count; null without results")
    mean: Number | None
    median: Number | None
    best: Number | None
    best_index: int | None


class ParameterFigures(Body):
    """One parameter: its values, what it explains, and whether the best result lies at an end of it."""

    name: str
    type: str
    importance: Number | None = Field(
        description="the share of the variance that the parameter alone explains; null where that is not exact"
    )
    edge: Edge | None = Field(description="the end of the values at which the best result lies; null between them")
    advice: str | None = Field(description="what the edge means")
    values: list[ValueFigures]


class PairImportance(Body):
    """The share of the variance that two parameters explain together, beyond each of them alone."""

    parameters: list[str]
    importance: Number


class BestPoint(Body):
    """The best result, and the results that differ from it by one step in one numeric parameter."""

    backtest_id: str
    index: int
    value: Number
    parameters: Parameters
    neighbours: int = Field(description="how many of them have the metric")
    neighbourhood: Number | None = Field(description="their mean: far from the value, the best result is a spike")


class ParameterAnalysis(Body):
    """How a metric depends on the parameters of a batch, over the results so far."""

    batch_id: str
    order: Objective
    results: int = Field(description="the results that meet the filters")
    best: BestPoint | None
    parameters: list[ParameterFigures]
    pairs: list[PairImportance] = Field(description="the most important first; empty where that is not exact")
    variance: Number | None
    explained: Number | None = Field(description="the share of the variance that parameters and pairs explain together")
    note: str | None = Field(description="why there is no importance; null if there is")


class HeatMapHeader(Body):
    """The JSON in front of a heat map's numbers."""

    batch_id: str
    order: Objective
    x: dict[str, Any] = Field(description="name, type and values or range of the parameter from left to right")
    y: dict[str, Any] = Field(description="name, type and values or range of the parameter from row to row")
    width: int
    height: int
    x_bin: int = Field(description="how many values of x share a cell; 1 unless there would be over a million cells")
    y_bin: int
    layers: list[str] = Field(description="the blocks of width x height numbers that follow, row by row")
    others: Others
    held: dict[str, str] = Field(description="parameters that are held at one value, and that value")
    aggregated: list[str] = Field(description="parameters over whose values the cells are aggregated")
    best: BestPoint | None
    results: int
    words: str = Field(description="what the map shows, in a sentence")


class ColumnHeader(Body):
    """One column that follows the header."""

    name: str
    kind: str = Field(description="index, passed, parameter or metric")
    dtype: str = Field(description="int32 or float32, both of four bytes, little endian")
    values: list[str] | None = Field(
        description="for parameters that are not numbers: the values that the numbers of the column count, from 0"
    )


class ColumnsHeader(Body):
    """The JSON in front of columns of results."""

    batch_id: str
    rows: int
    columns: list[ColumnHeader]
    next_cursor: str | None = Field(description="pass it as `cursor` for further rows; null on the last")

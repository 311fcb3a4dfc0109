"""The analysis of results against an oracle that enumerates the whole space and takes every definition literally."""

import math
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import combinations
from statistics import fmean, median
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backfleet.core.analysis.effects import decompose
from backfleet.core.analysis.grid import Grid, Points
from backfleet.core.analysis.heat_map import Aggregate, Question, draw
from backfleet.core.analysis.selection import Comparison, NoOrder, ParameterCondition, position_of, select
from backfleet.core.analysis.spread import Edge, best_of, edge_of, neighbourhood, spread
from backfleet.core.ranking import Direction, Objective
from backfleet.core.space.parameters import ParameterSpace, build_space
from tests.support.axes import BOOL, INT, STRING, listed, whole

FEW = settings(max_examples=60, deadline=None)
TEXTS = ("up", "down", "both", "14")
HIGH, LOW = Objective("x", Direction.MAXIMIZE), Objective("x", Direction.MINIMIZE)
FIGURES = st.floats(-1000, 1000).map(lambda value: round(value, 3))


@st.composite
def axes(draw_from, name: str):
    kind = draw_from(st.sampled_from(["range", "list", "bool", "text"]))
    if kind == "range":
        start, step, count = draw_from(st.tuples(st.integers(-9, 9), st.integers(1, 5), st.integers(1, 5)))
        return whole(name, start, start + step * (count - 1), step)
    if kind == "list":
        values = draw_from(st.lists(st.integers(-20, 20), min_size=1, max_size=5, unique=True))
        return listed(name, *values, type=INT)
    if kind == "bool":
        return listed(name, *draw_from(st.sampled_from([(True,), (True, False)])), type=BOOL)
    return listed(name, *draw_from(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4, unique=True)), type=STRING)


@st.composite
def worlds(draw_from, least_axes: int = 1, *, is_full: bool = False):
    """Return a grid, and results of some or all of its points."""
    count = draw_from(st.integers(least_axes, 4))
    grid = Grid(build_space([draw_from(axes(f"p{number}")) for number in range(count)]))
    indexes = list(range(grid.total))
    if not is_full:
        indexes = sorted(draw_from(st.sets(st.sampled_from(indexes))))
    value = FIGURES if is_full else FIGURES | st.just(math.nan)
    values = draw_from(st.lists(value, min_size=len(indexes), max_size=len(indexes)))
    passed = draw_from(st.lists(st.integers(0, 1), min_size=len(indexes), max_size=len(indexes)))
    return grid, Points(indexes, values, passed)


def assignments(grid: Grid) -> list[dict[str, object]]:
    """Return the values of every point, by index, as the space computes them."""
    return [dict(grid.space.combination(index).values) for index in range(grid.total)]


def steps_apart(space: ParameterSpace, left: dict, right: dict) -> bool:
    """Report whether two points differ in one parameter only, a numeric one, with no declared value between them."""
    different = [axis for axis in space.axes if left[axis.name] != right[axis.name]]
    if len(different) != 1 or different[0].type not in ("int", "float"):
        return False
    (axis,) = different
    low, high = sorted([left[axis.name], right[axis.name]])
    return not any(low < axis.value(position) < high for position in range(axis.count))


def around(grid: Grid, points: Points, index: int) -> list[float]:
    known = assignments(grid)
    results = dict(zip(points.indexes, points.values, strict=True))
    others = (other for other in results if steps_apart(grid.space, known[index], known[other]))
    return [results[other] for other in others if not math.isnan(results[other])]


@FEW
@given(worlds())
def test_positions_and_neighbours_are_those_of_the_space(world: tuple[Grid, Points]) -> None:
    grid, _ = world
    known = assignments(grid)
    for index, values in enumerate(known):
        assert [axis.value(grid.position(index, at)) for at, axis in enumerate(grid.space.axes)] == [*values.values()]
        assert grid.index(grid.positions(index)) == index
        near = sorted(grid.neighbours(index))
        assert near == [other for other in range(grid.total) if steps_apart(grid.space, values, known[other])]


@FEW
@given(worlds(), st.sampled_from([HIGH, LOW]))
def test_each_value_has_the_figures_of_its_results(world: tuple[Grid, Points], objective: Objective) -> None:
    grid, points = world
    known = assignments(grid)
    best = max if objective is HIGH else min
    for number, axis in enumerate(grid.space.axes):
        for position, entry in enumerate(spread(grid, number, points, objective)):
            of_value = [
                at for at, index in enumerate(points.indexes) if known[index][axis.name] == axis.value(position)
            ]
            values = [points.values[at] for at in of_value if not math.isnan(points.values[at])]
            assert (entry.count, entry.passed) == (len(of_value), sum(points.passed[at] for at in of_value))
            assert entry.first == entry.last == grid.space.combination(position * grid.strides[number]).texts[axis.name]
            if values:
                assert (entry.median, entry.best) == (median(values), best(values))
                assert entry.mean == pytest.approx(fmean(values))
                firsts = [points.indexes[at] for at in of_value if points.values[at] == entry.best]
                assert entry.best_index == min(firsts)
            else:
                assert (entry.mean, entry.median, entry.best, entry.best_index) == (None,) * 4


def test_values_of_a_long_axis_share_entries() -> None:
    grid = Grid(build_space([whole("long", 1, 2_500, 1)]))
    points = Points(range(2_500), [float(index) for index in range(2_500)], [1] * 2_500)
    entries = spread(grid, 0, points, HIGH)
    assert (len(entries), entries[0].first, entries[0].last, entries[0].count) == (834, "1", "3", 3)
    assert (entries[-1].first, entries[-1].last, entries[-1].best) == ("2500", "2500", 2499.0)


@FEW
@given(worlds(), st.sampled_from([HIGH, LOW]))
def test_the_best_has_its_edges_and_its_neighbourhood(world: tuple[Grid, Points], objective: Objective) -> None:
    grid, points = world
    present = [(v, i) for i, v in zip(points.indexes, points.values, strict=True) if not math.isnan(v)]
    index = best_of(points, objective)
    if not present:
        assert index is None
        return
    top = (max if objective is HIGH else min)(value for value, _ in present)
    assert index == min(at for value, at in present if value == top)
    for number, axis in enumerate(grid.space.axes):
        mine, values = axis.value(grid.position(index, number)), [axis.value(at) for at in range(axis.count)]
        expected = None
        if axis.type in ("int", "float") and axis.count > 1:
            expected = Edge.LOW if mine == min(values) else Edge.HIGH if mine == max(values) else None
        assert edge_of(grid, number, index) is expected
    near, expected_near = neighbourhood(grid, points, index), around(grid, points, index)
    assert near.count == len(expected_near)
    assert near.mean == (pytest.approx(fmean(expected_near)) if expected_near else None)


@FEW
@given(worlds(is_full=True))
def test_effects_are_those_of_group_means_and_fill_the_variance(world: tuple[Grid, Points]) -> None:
    grid, points = world
    known, values = assignments(grid), points.values
    total = fmean(values)
    variance = fmean((value - total) ** 2 for value in values)
    assume(variance > 1e-6)
    found = decompose(values, grid.counts)

    def effect(names: tuple[str, ...], index: int) -> float:
        """Return the functional ANOVA's component: the group's mean without all that smaller groups explain."""
        group = [v for at, v in enumerate(values) if all(known[at][name] == known[index][name] for name in names)]
        smaller = (kept for size in range(len(names)) for kept in combinations(names, size))
        return fmean(group) - sum(effect(kept, index) if kept else total for kept in smaller)

    def share(*names: str) -> float:
        return fmean(effect(names, index) ** 2 for index in range(grid.total)) / variance

    assert found.variance == pytest.approx(variance)
    assert found.main == pytest.approx([share(name) for name in grid.names], abs=1e-9)
    pairs = {pair: share(*(grid.names[axis] for axis in pair)) for pair in combinations(range(len(grid.counts)), 2)}
    assert found.pairs == pytest.approx(pairs, abs=1e-9)
    explained = sum(found.main) + sum(found.pairs.values())
    assert explained <= 1 + 1e-9
    if len(grid.counts) <= 2:
        assert explained == pytest.approx(1)


def test_without_variance_nothing_has_an_effect() -> None:
    found = decompose([2.0] * 6, (2, 3))
    assert (found.variance, found.main, found.pairs) == (0.0, (0.0, 0.0), {(0, 1): 0.0})


@st.composite
def questions(draw_from, grid: Grid):
    x, y, *others = draw_from(st.permutations(range(len(grid.counts))))
    held = {axis: draw_from(st.integers(0, grid.counts[axis] - 1)) for axis in others if draw_from(st.booleans())}
    return Question(x=x, y=y, held=held, aggregate=draw_from(st.sampled_from(Aggregate)))


SUMMARIES: dict[Aggregate, Any] = {Aggregate.MIN: min, Aggregate.MAX: max, Aggregate.MEDIAN: median}


def cell_of(grid: Grid, points: Points, question: Question, x: int, y: int) -> Iterator[tuple[float, int]]:
    """Yield value and verdict of each result in a cell."""
    wanted = {question.x: x, question.y: y, **question.held}
    for index, value, passed in zip(points.indexes, points.values, points.passed, strict=True):
        if all(grid.positions(index)[axis] == position for axis, position in wanted.items()):
            yield value, passed


@pytest.mark.parametrize("aggregate", Aggregate)
@FEW
@given(st.data(), worlds(3))
def test_a_map_shows_what_is_in_its_cells(
    aggregate: Aggregate, data: st.DataObject, world: tuple[Grid, Points]
) -> None:
    grid, points = world
    question = replace(data.draw(questions(grid)), aggregate=aggregate)
    found = draw(grid, points, question)
    assert (found.width, found.height, found.x_bin, found.y_bin) == (
        grid.counts[question.x],
        grid.counts[question.y],
        1,
        1,
    )
    for y in range(found.height):
        for x in range(found.width):
            results = list(cell_of(grid, points, question, x, y))
            values = [value for value, _ in results if not math.isnan(value)]
            if question.aggregate is Aggregate.PASSING:
                expected = fmean(passed for _, passed in results) if results else math.nan
            else:
                expected = SUMMARIES[question.aggregate](values) if values else math.nan
            assert found.values[y * found.width + x] == pytest.approx(expected, nan_ok=True)
            assert found.counts[y * found.width + x] == len(results)


@FEW
@given(st.data(), worlds(2))
def test_a_neighbourhood_is_of_points_one_step_apart(data: st.DataObject, world: tuple[Grid, Points]) -> None:
    grid, points = world
    question = data.draw(questions(grid))
    found = draw(grid, points, question)
    known = assignments(grid)
    is_point = len(question.held) == len(grid.counts) - 2 and question.aggregate is not Aggregate.PASSING
    corner = [question.held.get(axis, 0) for axis in range(len(grid.counts))]
    for cell in range(found.width * found.height):
        corner[question.x], corner[question.y] = cell % found.width, cell // found.width
        here = grid.index(corner)
        if is_point:
            near = around(grid, points, here)
        else:
            places = (
                grid.positions(other)
                for other in range(grid.total)
                if steps_apart(grid.space, known[here], known[other])
            )
            moved = (p[question.y] * found.width + p[question.x] for p in places)
            near = [found.values[other] for other in moved if other != cell and not math.isnan(found.values[other])]
        assert found.neighbourhood[cell] == pytest.approx(fmean(near) if near else math.nan, nan_ok=True)


def test_a_map_of_too_many_cells_is_binned() -> None:
    grid = Grid(build_space([whole("a", 1, 7, 1), whole("b", 1, 5, 1)]))
    points = Points(range(35), [float(index) for index in range(35)], [index % 2 for index in range(35)])
    found = draw(grid, points, Question(x=0, y=1, held={}, aggregate=Aggregate.MAX), max_cells=12)
    assert (found.width, found.height, found.x_bin, found.y_bin) == (4, 3, 2, 2)
    assert list(found.values) == [6.0, 16.0, 26.0, 31.0, 8.0, 18.0, 28.0, 33.0, 9.0, 19.0, 29.0, 34.0]
    assert list(found.counts) == [4.0, 4.0, 4.0, 2.0, 4.0, 4.0, 4.0, 2.0, 2.0, 2.0, 2.0, 1.0]
    assert found.neighbourhood[0] == (16.0 + 8.0) / 2


def grid_texts(grid: Grid, axis: int) -> list[str]:
    """Return the text of every value of an axis."""
    name, stride = grid.names[axis], grid.strides[axis]
    return [grid.space.combination(position * stride).texts[name] for position in range(grid.counts[axis])]


OPERATIONS = {
    Comparison.AT_LEAST: lambda value, bound: value >= bound,
    Comparison.AT_MOST: lambda value, bound: value <= bound,
    Comparison.ABOVE: lambda value, bound: value > bound,
    Comparison.BELOW: lambda value, bound: value < bound,
}


@FEW
@given(st.data(), worlds())
def test_a_condition_selects_what_meets_it(data: st.DataObject, world: tuple[Grid, Points]) -> None:
    grid, _ = world
    number = data.draw(st.integers(0, len(grid.counts) - 1))
    axis, comparison = grid.space.axes[number], data.draw(st.sampled_from(Comparison))
    if comparison is Comparison.EQUAL:
        texts = tuple(data.draw(st.lists(st.sampled_from([*TEXTS, "true", "-3", "2.0", "7"]), min_size=1, max_size=3)))
        found = select(grid, ParameterCondition(axis.name, comparison, texts))
        shown = grid_texts(grid, number)
        meant = {text.removesuffix(".0") if axis.type == "int" else text for text in texts}
        assert list(found.positions) == [position for position, text in enumerate(shown) if text in meant]
        assert position_of(axis, texts[0]) in (None, *found.positions)
        return
    own = [text for text in grid_texts(grid, number) if axis.type in ("int", "float")]
    bound = data.draw(st.sampled_from([*own, "2.5", "1e1"]))
    condition = ParameterCondition(axis.name, comparison, (bound,))
    if axis.type not in ("int", "float"):
        with pytest.raises(NoOrder):
            select(grid, condition)
        return
    holds = OPERATIONS[comparison]
    expected = [at for at in range(axis.count) if holds(Decimal(axis.value(at)), Decimal(bound))]
    assert list(select(grid, condition).positions) == expected

"""Exact functional ANOVA of a full grid: how much of a metric's variance each parameter, and each pair, explains.

The decomposition is that of Hoos and Leyton-Brown (fANOVA), with group means instead of a model: on a full grid they are exact.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, slots=True)
class Effects:
    """Shares of the variance: of each axis alone, and of each pair of axes beyond the two alone. They add up to at most 1."""

    variance: float
    main: tuple[float, ...]
    pairs: dict[tuple[int, int], float]


def decompose(values: Sequence[float], counts: Sequence[int]) -> Effects:
    """Decompose the values of a full grid, in the order of the index. Without variance every share is 0."""
    assert len(values) == math.prod(counts)
    mean = math.fsum(values) / len(values)
    centred = [value - mean for value in values]
    variance = math.fsum(map(_square, centred)) / len(values)
    axes = range(len(counts))
    if not variance > 0:
        return Effects(0.0, (0.0,) * len(counts), dict.fromkeys(combinations(axes, 2), 0.0))
    wide = [axis for axis in axes if counts[axis] > 1]
    tables = _tables(centred, {axis: counts[axis] for axis in wide})
    means = {kept: [total * _size(kept, counts) / len(values) for total in table] for kept, table in tables.items()}
    main = {axis: _mean_square(means[(axis,)]) for axis in wide}
    pairs = {
        (left, right): _mean_square(_interaction(means, left, right)) if left in main and right in main else 0.0
        for left, right in combinations(axes, 2)
    }
    return Effects(
        variance,
        tuple(main.get(axis, 0.0) / variance for axis in axes),
        {pair: share / variance for pair, share in pairs.items()},
    )


def _tables(values: Sequence[float], counts: dict[int, int]) -> dict[tuple[int, ...], Sequence[float]]:
    """Return the sums over all other axes, for each axis and each pair, from the few tables that many of them share."""
    whole = tuple(counts)
    known: dict[tuple[int, ...], Sequence[float]] = {whole: values}

    def table(kept: tuple[int, ...]) -> Sequence[float]:
        if kept not in known:
            # Sum over the longest of the missing axes last added: the parents near the full grid are few.
            missing = next(axis for axis in reversed(whole) if axis not in kept)
            parent = tuple(axis for axis in whole if axis in kept or axis == missing)
            known[kept] = _collapse(table(parent), [counts[axis] for axis in parent], parent.index(missing))
        return known[kept]

    return {kept: table(kept) for size in (2, 1) for kept in combinations(whole, size)}


def _collapse(values: Sequence[float], counts: Sequence[int], axis: int) -> list[float]:
    """Sum over one axis."""
    count, inner = counts[axis], math.prod(counts[axis + 1 :])
    if inner == 1:
        return list(map(sum, zip(*[iter(values)] * count, strict=True)))
    block = count * inner
    sums: list[float] = []
    for start in range(0, len(values), block):
        rows = (values[first : first + inner] for first in range(start, start + block, inner))
        sums.extend(map(sum, zip(*rows, strict=True)))
    return sums


def _interaction(means: dict[tuple[int, ...], list[float]], left: int, right: int) -> list[float]:
    rows, columns, cells = means[(left,)], means[(right,)], iter(means[left, right])
    return [next(cells) - row - column for row in rows for column in columns]


def _size(kept: tuple[int, ...], counts: Sequence[int]) -> int:
    return math.prod(counts[axis] for axis in kept)


def _mean_square(values: Sequence[float]) -> float:
    return math.fsum(map(_square, values)) / len(values)


def _square(value: float) -> float:
    return value * value

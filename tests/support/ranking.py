"""Sorts results with the rule by which core compares two of them."""

from collections.abc import Iterable
from functools import cmp_to_key

from backfleet.core.ranking import Objective, Standing, is_better


def rank(standings: Iterable[Standing], objective: Objective) -> list[Standing]:
    """Sort results with different indexes, best first."""

    def compare(left: Standing, right: Standing) -> int:
        return -1 if is_better(left, right, objective) else 1

    return sorted(standings, key=cmp_to_key(compare))

import itertools
from datetime import date
from typing import Any

import pytest

from backfleet.engines.lean.curve import Points, chart_points, sampled_curve

DAY = 86_400
NOON = 12 * 3600


def equity_points(body: dict[str, Any]) -> Points:
    return chart_points(body, "Strategy Equity", "Equity")


def charts(values: object) -> dict[str, Any]:
    return {"Strategy Equity": {"series": {"Equity": {"values": values}}}}


@pytest.mark.parametrize(
    "point", [{"x": 60, "y": 7.5}, [60, 7.5], [60, 9.0, 9.5, 7.0, 7.5]], ids=["object", "pair", "candle"]
)
def test_every_way_to_write_a_point_is_read_a_candle_by_its_close(point: object) -> None:
    assert equity_points(charts([point])) == ((60, 7.5),)


def test_the_old_casing_is_read_as_well() -> None:
    old = {"Strategy Equity": {"Series": {"Equity": {"Values": [{"x": 60, "y": 7}]}}}}
    assert equity_points(old) == ((60, 7.0),)


def test_points_come_in_order_of_time_whatever_the_order_of_the_file() -> None:
    assert equity_points(charts([[120, 2.0], [60, 1.0]])) == ((60, 1.0), (120, 2.0))


@pytest.mark.parametrize(
    "point",
    [
        [True, 1.0],
        [60, True],
        {"x": 60, "y": False},
        [-1, 1.0],
        [253402300800, 1.0],
        [253402300799, 1.0],
        [10**400, 1.0],
        [60, float("inf")],
        [60, 10**400],
        [60, "1"],
        [60.5, 1.0],
        [60],
        [],
        {"x": 60},
        None,
        "x",
    ],
    ids=str,
)
def test_what_is_no_point_is_left_out(point: object) -> None:
    assert equity_points(charts([point, [0, 5.0]])) == ((0, 5.0),)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Strategy Equity": None},
        {"Strategy Equity": []},
        {"Strategy Equity": {"series": {}}},
        {"Strategy Equity": {"series": {"Equity": {"values": None}}}},
        {"Strategy Equity": {"series": {"Equity": {"values": {"a": 1}}}}},
    ],
    ids=str,
)
def test_without_the_chart_there_is_no_curve(body: dict[str, Any]) -> None:
    assert equity_points(body) == ()
    assert sampled_curve(()) == ()


def test_the_last_equity_of_each_day_stands_for_it() -> None:
    points = ((0, 1.0), (NOON, 2.0), (DAY, 3.0), (3 * DAY + NOON, 4.0))
    assert sampled_curve(points) == ((date(1970, 1, 1), 2.0), (date(1970, 1, 2), 3.0), (date(1970, 1, 4), 4.0))


def test_a_long_curve_is_sampled_evenly_with_its_first_and_last_day() -> None:
    curve = sampled_curve(tuple((day * DAY, float(day)) for day in range(1000)))
    assert len(curve) == 200
    values = [value for _, value in curve]
    assert (values[0], values[-1]) == (0.0, 999.0)
    assert {int(after - before) for before, after in itertools.pairwise(values)} == {5, 6}
    assert sampled_curve(((0, 1.0),)) == ((date(1970, 1, 1), 1.0),)

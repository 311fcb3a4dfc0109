import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from backfleet.core.backtests import BacktestRequest
from backfleet.core.packs import Member, PackRequest
from backfleet.core.space.parameters import ParameterSpace, RangeAxis
from backfleet.core.space.scalars import ParameterType

SPACE = ParameterSpace(
    (
        RangeAxis(name="fast", type=ParameterType.INT, start=Decimal(5), step=Decimal(1), count=20),
        RangeAxis(name="stop", type=ParameterType.FLOAT, start=Decimal("0.01"), step=Decimal("0.005"), count=10),
    )
)
COMMON = BacktestRequest(
    engine="bars",
    strategy="SMA_Crossover_ETF",
    parameter_texts={},
    symbols=("AAPL",),
    start_date=date(2000, 3, 1),
    end_date=date(2001, 3, 1),
    initial_cash=Decimal(1000),
)


def pack(*places: tuple[int, int], space: ParameterSpace | None = SPACE) -> PackRequest:
    members = (
        Member(index=index, number=number, parameter_texts=SPACE.combination(index).texts) for index, number in places
    )
    return PackRequest(batch_uid="uid", common=COMMON, members=tuple(members), space=space)


@pytest.mark.parametrize("space", [SPACE, None])
@pytest.mark.parametrize("count", [1, 2, 150])
def test_a_pack_survives_its_text(count: int, space: ParameterSpace | None) -> None:
    made = pack(*((index, 1 + index % 2) for index in range(count)), space=space)
    assert PackRequest.from_json(made.to_json()) == made


def test_a_warm_pack_says_so_and_others_say_nothing() -> None:
    made = replace(pack((0, 1), (1, 1)), is_warm=True)
    assert PackRequest.from_json(made.to_json()) == made
    assert "warm" not in json.loads(pack((0, 1), (1, 1)).to_json())


def test_many_members_are_ranges_of_indexes() -> None:
    places = [(index, 1) for index in range(10, 160)]
    body = json.loads(pack(*places, (170, 1), (171, 2), (172, 2)).to_json())
    assert body["members"] == [[10, 150, 1], [170, 1, 1], [171, 2, 2]]
    assert "rows" not in body
    assert body["axes"] == SPACE.to_json()["axes"]


def test_one_member_has_its_texts_and_no_axes() -> None:
    body = json.loads(pack((7, 3)).to_json())
    assert (body["names"], body["rows"], body["members"]) == (["fast", "stop"], [["5", "0.045"]], [[7, 1, 3]])
    assert "axes" not in body


def test_members_have_requests_and_ids_in_order() -> None:
    made = pack((3, 1), (2, 4))
    assert [each.parameter_texts for each in made.requests] == [each.parameter_texts for each in made.members]
    assert all(replace(each, parameter_texts={}) == COMMON for each in made.requests)
    assert made.attempt_ids == ["uid-3.1", "uid-2.4"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"members": []}, "at least one member"),
        ({"rows": []}, "zip"),
        ({"rows": [["5"]]}, "zip"),
        ({"members": [[0, 2, 1]]}, "zip"),
        ({"members": [[1]]}, "unpack"),
    ],
)
def test_a_text_that_does_not_add_up_is_no_pack(change: dict, expected: str) -> None:
    body = json.loads(pack((7, 3)).to_json()) | change
    with pytest.raises(ValueError, match=expected):
        PackRequest.from_json(json.dumps(body))


def test_an_index_outside_the_axes_is_no_pack() -> None:
    body = json.loads(pack(*((index, 1) for index in range(150))).to_json()) | {"members": [[199, 2, 1]]}
    with pytest.raises(IndexError, match="index 200"):
        PackRequest.from_json(json.dumps(body))

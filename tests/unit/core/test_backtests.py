import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from backfleet.core.backtests import BacktestRequest, Prices, engine_version_of

REQUEST = BacktestRequest(
    engine="bars",
    strategy="Donchian_Breakout_ETF",
    parameter_texts={"donchian_period": "30"},
    symbols=("AAPL",),
    start_date=date(2000, 3, 1),
    end_date=date(2001, 3, 1),
    initial_cash=Decimal(1000),
    prices=Prices.RAW,
)


def test_a_request_survives_its_text() -> None:
    assert BacktestRequest.from_json(REQUEST.to_json()) == REQUEST


def test_without_prices_the_text_is_that_of_the_release_before_them() -> None:
    assert "prices" not in replace(REQUEST, prices=None).to_json()


def test_a_request_of_an_older_version_leaves_the_prices_to_the_installation() -> None:
    body = json.loads(REQUEST.to_json())
    del body["prices"]
    assert BacktestRequest.from_json(json.dumps(body)).prices is None


def test_prices_that_there_are_none_of_are_no_request() -> None:
    body = json.loads(REQUEST.to_json()) | {"prices": "cheap"}
    with pytest.raises(ValueError, match="cheap"):
        BacktestRequest.from_json(json.dumps(body))


def test_lean_is_told_apart_by_its_image_too_and_other_engines_are_not() -> None:
    image = {"engineImage": "quantconnect/lean:17000"}
    lean, bars = {"engine": "lean", "engineVersion": "2.5.0.0"}, {"engine": "bars", "engineVersion": "3"}
    assert engine_version_of(lean | image) == "2.5.0.0 (quantconnect/lean:17000)"
    assert engine_version_of({"engine": "lean"} | image) == "unknown (quantconnect/lean:17000)"
    assert (engine_version_of(lean), engine_version_of(bars | image), engine_version_of({})) == ("2.5.0.0", "3", None)

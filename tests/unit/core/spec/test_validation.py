from dataclasses import replace

import pytest

from backfleet.core.space.constraints import compile_constraints
from backfleet.core.space.parameters import build_space
from backfleet.core.spec.model import VolumeSpec, parse_spec
from backfleet.core.spec.validation import AcceptanceLimits, validate_spec
from tests.support.acceptance import CLAIM, DATA, accept, refusal
from tests.support.manifests import invalid_manifests
from tests.support.manifests.specs import LIMITS, RSI_PERIOD, STRATEGIES, spec_body


@pytest.mark.parametrize("manifest", invalid_manifests(), ids=lambda manifest: manifest.name)
def test_what_only_the_operator_can_validate_names_its_field_and_the_hint(manifest):
    error = refusal(**manifest.body["spec"])
    assert error.field == manifest.field
    assert manifest.hint in str(error)


def test_a_good_batch_comes_with_its_space_and_constraints():
    spec = parse_spec(spec_body(constraints=["rsi_period != 15"]))
    accepted = validate_spec(spec, STRATEGIES, LIMITS)
    space = build_space(spec.declarations())
    assert (accepted.spec, accepted.space) == (spec, space)
    assert accepted.constraints == compile_constraints(["rsi_period != 15"], space)


def test_an_engine_that_is_not_here_is_refused():
    error = refusal(engine={"name": "lean"})
    assert str(error) == "spec.engine.name: the engine lean is not available here. Choose one of: bars, noop."


def test_an_unknown_strategy_is_refused_with_the_list():
    error = refusal(strategy={"name": "Zebra"})
    assert error.hint == f"Choose one of: {', '.join(sorted(STRATEGIES['bars']))}."


def test_an_engine_that_runs_anything_takes_any_strategy_and_parameter():
    assert accept(engine={"name": "noop"}, strategy={"name": "Zebra"}).spec.strategy.name == "Zebra"


def test_a_strategy_on_hold_is_refused_with_the_reason_whatever_the_engine():
    error = refusal(engine={"name": "noop"}, strategy={"name": "MicroFutures_Momentum_MESNQ"})
    assert error.problem == "MicroFutures_Momentum_MESNQ is on hold: it has no project"


@pytest.mark.parametrize(
    "image",
    [
        "registry.test/team/engine:1",
        "registry.test/team@sha256:0",
        "registry.test/team:1",
        "registry.test/team",
        "other.test/x",
    ],
)
def test_an_image_under_an_allowed_prefix_is_accepted(image):
    limits = replace(LIMITS, image_prefixes=("registry.test/team", "other.test/"))
    assert accept(limits, engine={"name": "bars", "image": image}).spec.engine.image == image


@pytest.mark.parametrize(
    "image", ["registry.test/team-of-another/engine", "registry.test", "other.test", "evil/registry.test/team"]
)
def test_an_image_that_only_looks_allowed_is_refused(image):
    limits = replace(LIMITS, image_prefixes=("registry.test/team", "other.test/"))
    error = refusal(limits, engine={"name": "bars", "image": image})
    assert error.field == "spec.engine.image"
    assert error.hint == "Leave it out, or use one of the allowed prefixes (registry.test/team, other.test/)."


def test_an_empty_prefix_allows_no_image():
    assert (
        refusal(replace(LIMITS, image_prefixes=("",)), engine={"name": "bars", "image": "x"}).field
        == "spec.engine.image"
    )


def test_an_allowed_claim_is_accepted_and_another_refused():
    limits = replace(LIMITS, volume_claims=("market-data",))
    accepted = accept(limits, data=DATA | {"volume": CLAIM})
    assert accepted.spec.data.volume == VolumeSpec.model_validate(CLAIM)
    error = refusal(limits, data=DATA | {"volume": {"claimName": "market-data2"}})
    assert error.hint == "Leave it out, or use one of the allowed claims (market-data)."


def test_a_path_out_of_an_allowed_claim_is_refused():
    limits = replace(LIMITS, volume_claims=("market-data",))
    error = refusal(limits, data=DATA | {"volume": CLAIM | {"subPath": "daily/../../x"}})
    assert (error.field, error.hint) == ("spec.data.volume.subPath", "Write a path without `..`.")
    assert accept(limits, data=DATA | {"volume": CLAIM | {"subPath": "a..b/c"}})


def test_a_symbol_listed_twice_is_refused():
    error = refusal(data=DATA | {"symbols": ["AAPL", "IBM", "AAPL"]})
    assert str(error) == "spec.data.symbols[2]: AAPL is listed twice. List each symbol once."


def test_a_single_day_is_a_range():
    assert accept(data=DATA | {"endDate": DATA["startDate"]})


@pytest.mark.parametrize(
    "criteria",
    [{"minTrades": 5, "maxTrades": 5}, {"minTrades": 5}, {"maxTrades": 0}, {}],
    ids=["equal", "min only", "max only", "none"],
)
def test_trade_bounds_that_leave_something_are_accepted(criteria):
    assert accept(successCriteria=criteria)


def test_a_batch_may_take_as_long_as_one_backtest():
    assert accept(failurePolicy={"backtestTimeoutSeconds": 60, "batchTimeoutSeconds": 60})


def test_requests_up_to_the_ceiling_are_accepted():
    assert accept(resources={"requests": {"cpu": "1000m", "memory": "2048Mi"}})
    error = refusal(replace(LIMITS, cpu_ceiling="500m"), resources={"requests": {"cpu": "501m"}})
    assert str(error) == "spec.resources.requests.cpu: 501m is above the limit of 500m. Request at most 500m."


@pytest.mark.parametrize(
    ("strategy", "symbols", "message"),
    [
        (
            "RSI_MeanReversion_ETF",
            ["AAPL", "IBM"],
            "RSI_MeanReversion_ETF takes 1 symbol, not 2. List the one it trades.",
        ),
        (
            "VIX_Market_Timing",
            ["SPX"],
            "VIX_Market_Timing takes 2 symbols, not 1. List the one it trades, then the volatility index.",
        ),
    ],
)
def test_a_wrong_number_of_symbols_is_refused(strategy, symbols, message):
    parameters = [{"name": "stop_loss_pct", "type": "float", "value": 0.01}]
    error = refusal(strategy={"name": strategy}, data=DATA | {"symbols": symbols}, parameters=parameters)
    assert str(error) == f"spec.data.symbols: {message}"


def test_a_parameter_that_chooses_the_symbol_chooses_among_those_listed():
    chosen = {"name": "symbol", "type": "string", "values": ["AAPL", "IBM"]}
    strategy, other = {"name": "Breakout_Momentum_Equity"}, {"name": "holding_period", "type": "int", "value": 3}
    listed = DATA | {"symbols": ["AAPL", "IBM", "MSFT"]}
    assert accept(strategy=strategy, data=listed, parameters=[other, chosen]).space.total == 2
    error = refusal(strategy=strategy, data=DATA | {"symbols": ["AAPL"]}, parameters=[other, chosen])
    assert str(error) == (
        "spec.parameters[1]: symbol 'IBM' is none of the batch's symbols AAPL. List it under spec.data.symbols too."
    )
    assert refusal(strategy=strategy, data=listed, parameters=[other]).field == "spec.data.symbols"


def test_the_limit_on_the_space_is_the_installations():
    error = refusal(replace(LIMITS, max_combinations=2))
    assert error.problem == "the space has 3 combinations, over the limit of 2"


def test_without_limits_nothing_that_needs_permission_is_allowed():
    limits = AcceptanceLimits()
    assert refusal(limits, engine={"name": "bars", "image": "x"}).hint == "Leave it out: this installation allows none."
    assert refusal(limits, data=DATA | {"volume": CLAIM}).hint == "Leave it out: this installation allows none."
    assert accept(limits, parameters=[RSI_PERIOD])

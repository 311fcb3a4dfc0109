from dataclasses import replace

import pytest

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.constraints import compile_constraints, count_satisfying, nothing_satisfies
from backfleet.core.space.parameters import build_space
from backfleet.core.space.scalars import ParameterType
from backfleet.core.spec.model import parse_spec
from backfleet.core.spec.quantities import parse_quantity
from backfleet.core.spec.strategy_info import StrategyInfo
from backfleet.core.spec.validation import AcceptanceLimits, validate_spec
from backfleet.engines.program import Parameter
from tests.support.manifests import invalid_manifests
from tests.support.manifests.specs import LIMITS, RSI_PERIOD, STRATEGIES, spec_body

DATA = spec_body()["data"]
CLAIM = {"claimName": "market-data", "subPath": "daily/usa"}


def accept(limits=LIMITS, strategies=STRATEGIES, **fields):
    """What acceptance makes of a spec, the count of its constraints included."""
    accepted = validate_spec(parse_spec(spec_body(**fields)), strategies, limits)
    found, _ = count_satisfying(accepted.space, accepted.constraints, 0, accepted.space.total)
    if not found:
        raise nothing_satisfies(accepted.space, accepted.constraints)
    return accepted


def refusal(limits=LIMITS, strategies=STRATEGIES, **fields):
    with pytest.raises(SpecInvalid) as refused:
        accept(limits, strategies, **fields)
    return refused.value


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


LEAN = {"lean": None}


def test_lean_needs_a_project_that_the_catalog_or_the_batch_names():
    error = refusal(strategies=LEAN, engine={"name": "lean"})
    assert (error.field, error.hint) == (
        "spec.strategy.leanProjectPath",
        "Give the project's path within the volume of projects; one that another batch gave holds for that batch alone.",
    )
    own = {"name": "Mine", "leanProjectPath": "mine"}
    assert accept(strategies=LEAN, engine={"name": "lean"}, strategy=own).lean_project_path == "mine"
    limits = replace(LIMITS, project_paths={"RSI_MeanReversion_ETF": "STR-001"})
    assert accept(limits, LEAN, engine={"name": "lean"}).lean_project_path == "STR-001"
    assert (
        accept(
            limits, LEAN, engine={"name": "lean"}, strategy=own | {"name": "RSI_MeanReversion_ETF"}
        ).lean_project_path
        == "mine"
    )


@pytest.mark.parametrize("engine", ["bars", "lean", "noop"])
def test_a_strategy_on_hold_is_refused_by_every_engine(engine):
    strategy = {"name": "MicroFutures_Momentum_MESNQ", "leanProjectPath": "STR-007"}
    error = refusal(strategies=STRATEGIES | LEAN, engine={"name": engine}, strategy=strategy)
    assert error.problem == "MicroFutures_Momentum_MESNQ is on hold: it has no project"


OWN = {"name": "Mine", "leanProjectPath": "mine"}


@pytest.mark.parametrize("name", ["symbols", "start_date", "end_date", "initial_cash"])
def test_a_parameter_that_carries_the_data_to_lean_cannot_be_the_batches_own(name):
    parameters = [RSI_PERIOD, {"name": name, "type": "string", "value": "x"}]
    error = refusal(strategies=LEAN, engine={"name": "lean"}, strategy=OWN, parameters=parameters)
    assert (error.field, error.hint) == ("spec.parameters[1].name", "Remove it, or give the parameter another name.")
    assert accept(engine={"name": "noop"}, parameters=parameters)


def test_prices_are_for_bars_since_a_lean_project_sets_its_own():
    data = DATA | {"prices": "raw"}
    error = refusal(strategies=LEAN, engine={"name": "lean"}, strategy=OWN, parameters=[RSI_PERIOD], data=data)
    assert (error.field, error.hint) == (
        "spec.data.prices",
        "Remove it, and set the data normalization mode in the project.",
    )
    assert accept(data=data).spec.data.prices == "raw"


def test_lean_needs_projects_from_somewhere():
    bare = replace(LIMITS, has_projects_volume=False, volume_claims=("p",), image_prefixes=("mine",))
    error = refusal(bare, LEAN, engine={"name": "lean"}, strategy=OWN)
    assert (error.field, error.problem) == (
        "spec.strategy.volume",
        "this installation has no volume of LEAN projects",
    )
    assert accept(bare, LEAN, engine={"name": "lean"}, strategy=OWN | {"volume": {"claimName": "p"}})
    assert accept(bare, LEAN, engine={"name": "lean", "image": "mine:1"}, strategy=OWN)
    assert accept(bare, engine={"name": "bars"})


@pytest.mark.parametrize(
    ("strategy", "field"),
    [
        ({"volume": {"claimName": "other"}}, "spec.strategy.volume.claimName"),
        ({"volume": {"claimName": "p", "subPath": "a/../.."}}, "spec.strategy.volume.subPath"),
        ({"leanProjectPath": "a/../../etc"}, "spec.strategy.leanProjectPath"),
        ({"leanAlgorithmFile": "a/../../x/main.py"}, "spec.strategy.leanAlgorithmFile"),
        ({"leanAlgorithmFile": "main.sh"}, "spec.strategy.leanAlgorithmFile"),
        ({"leanAlgorithmType": "Mine; Other"}, "spec.strategy.leanAlgorithmType"),
    ],
    ids=["claim", "folder in the claim", "project", "file elsewhere", "file of another kind", "class"],
)
def test_a_project_outside_of_what_is_allowed_is_refused(strategy, field):
    limits = replace(LIMITS, volume_claims=("p",))
    assert refusal(limits, LEAN, engine={"name": "lean"}, strategy=OWN | strategy).field == field


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
    assert accepted.spec.data.volume.sub_path == "daily/usa"
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


def knowing(wanted: ParameterType) -> dict[str, dict[str, StrategyInfo]]:
    return {"bars": {"S": StrategyInfo(parameters={"a": ParameterType.INT, "p": wanted})}}


@pytest.mark.parametrize(
    ("declared", "wanted", "hint"),
    [
        pytest.param({"type": "string", "value": "x"}, ParameterType.INT, "int or float", id="text for a whole number"),
        pytest.param({"type": "bool", "value": True}, ParameterType.FLOAT, "int or float", id="bool for a fraction"),
        pytest.param({"type": "int", "value": 1}, ParameterType.BOOL, "bool", id="int for a bool"),
        pytest.param({"type": "string", "value": "true"}, ParameterType.BOOL, "bool", id="text for a bool"),
        pytest.param({"type": "int", "value": 1}, ParameterType.STRING, "string", id="int for text"),
    ],
)
def test_a_type_that_the_strategy_does_not_read_is_refused(declared, wanted, hint):
    parameters = [{"name": "a", "type": "int", "value": 1}, {"name": "p", **declared}]
    error = refusal(strategies=knowing(wanted), strategy={"name": "S"}, parameters=parameters)
    assert (error.field, error.hint) == ("spec.parameters[1].type", f"Declare type: {hint}.")


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        pytest.param({"value": 14.5}, "14.5", id="a value"),
        pytest.param({"values": [14, 15, "16.25"]}, "16.25", id="the last of a list"),
        pytest.param({"range": {"start": 14.5, "end": 16.5, "step": 1}}, "14.5", id="the start of a range"),
        pytest.param({"range": {"start": 14, "end": 16, "step": 0.5}}, "14.5", id="the step of a range"),
    ],
)
def test_a_fraction_for_a_whole_number_is_refused(declared, shown):
    error = refusal(parameters=[{"name": "rsi_period", "type": "float", **declared}])
    assert str(error) == (
        f"spec.parameters[0]: rsi_period takes whole numbers alone, and has the value {shown}. "
        "Declare type: int, with whole numbers."
    )


@pytest.mark.parametrize(
    ("declared", "wanted"),
    [
        pytest.param({"type": "int", "value": 14}, ParameterType.INT, id="int"),
        pytest.param({"type": "float", "values": [14, 15.0]}, ParameterType.INT, id="whole numbers declared float"),
        pytest.param(
            {"type": "float", "range": {"start": 15, "end": 30, "step": 5}},
            ParameterType.INT,
            id="a range of whole ones",
        ),
        pytest.param(
            {"type": "float", "range": {"start": 14, "end": 14, "step": 0.5}}, ParameterType.INT, id="a range of one"
        ),
        pytest.param({"type": "float", "value": 27.5}, ParameterType.FLOAT, id="fraction"),
        pytest.param({"type": "int", "value": 1}, ParameterType.FLOAT, id="whole number for a fraction"),
        pytest.param({"type": "bool", "value": False}, ParameterType.BOOL, id="bool"),
        pytest.param({"type": "string", "value": "QQQ"}, ParameterType.STRING, id="text"),
    ],
)
def test_a_type_that_the_strategy_reads_is_accepted(declared, wanted):
    accepted = accept(strategies=knowing(wanted), strategy={"name": "S"}, parameters=[{"name": "p", **declared}])
    read = Parameter("p", "1", {"int": int, "float": float, "bool": bool, "string": str}[wanted])
    # What is accepted, the engine can read.
    assert read.parse(accepted.space.combination(0).texts["p"]) is not None


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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", "0.5"),
        ("1", "1"),
        ("0.5", "0.5"),
        ("512Mi", "536870912"),
        ("1Gi", "1073741824"),
        ("1Ti", "1099511627776"),
        ("2k", "2000"),
    ],
)
def test_quantities_are_exact(text, value):
    assert str(parse_quantity(text).normalize()) == str(type(parse_quantity(text))(value).normalize())


@pytest.mark.parametrize("text", ["", "1 Gi", "-1", "1e3", "1Ei", "Mi", "1\n"])
def test_other_texts_are_no_quantities(text):
    with pytest.raises(ValueError, match="not a quantity"):
        parse_quantity(text)

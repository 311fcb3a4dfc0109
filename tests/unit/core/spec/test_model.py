from datetime import date
from decimal import Decimal

import pytest

from backfleet.core.criteria import SuccessCriteria
from backfleet.core.errors import SpecInvalid
from backfleet.core.ranking import Direction
from backfleet.core.space.parameters import ParameterDeclaration, RangeDeclaration
from backfleet.core.space.scalars import ParameterType
from backfleet.core.spec.choices import EngineName
from backfleet.core.spec.model import find_faults, parse_spec
from tests.support.manifests.specs import spec_body

DATA = spec_body()["data"]


def refusal(**fields):
    with pytest.raises(SpecInvalid) as refused:
        parse_spec(spec_body(**fields))
    return refused.value


def test_a_small_spec_gets_the_defaults():
    spec = parse_spec(spec_body())
    assert (spec.strategy.name, spec.engine.name, spec.engine.image) == ("RSI_MeanReversion_ETF", EngineName.BARS, None)
    assert (spec.data.start_date, spec.data.end_date) == (date(2000, 3, 1), date(2013, 3, 1))
    assert (spec.data.initial_cash, spec.data.volume, spec.constraints) == (Decimal(1000), None, [])
    assert (spec.objective.metric, spec.objective.direction) == ("sharpe_ratio", Direction.MAXIMIZE)
    assert (spec.success_criteria, spec.max_concurrent, spec.suspend, spec.cancel) == (None, 4, False, False)
    policy = spec.failure_policy
    assert (policy.max_failed, policy.max_attempts, policy.batch_timeout_seconds) == (None, 3, None)
    assert (policy.backtest_timeout_seconds, policy.start_timeout_seconds) == (1800, 600)
    assert (spec.ttl_seconds_after_finished, spec.resources.requests_map()) == (600, {})


def test_parameters_are_handed_on_as_plain_declarations():
    fixed = {"name": "symbol", "type": "string", "value": "SPY"}
    listed = {"name": "x", "type": "float", "values": [0.1, "0.2"], "range": {"start": 1, "end": "b", "step": None}}
    assert parse_spec(spec_body(parameters=[fixed, listed])).declarations() == [
        ParameterDeclaration(name="symbol", type=ParameterType.STRING, value="SPY"),
        ParameterDeclaration(
            name="x",
            type=ParameterType.FLOAT,
            values=[0.1, "0.2"],
            range=RangeDeclaration(start=1, end="b", step=None),
        ),
    ]


@pytest.mark.parametrize(("declared", "size"), [(1, 1), (4.0, 4), (1_000, 1_000), ("auto", "auto")])
def test_a_job_carries_a_number_of_backtests_or_as_many_as_the_operator_finds_best(declared, size):
    assert parse_spec(spec_body(backtestsPerJob=declared)).backtests_per_job == size
    assert parse_spec(spec_body()).backtests_per_job == 1


@pytest.mark.parametrize("declared", [0, -1, 1_001, 1.5, True, "many", "4", "AUTO", [2]])
def test_any_other_number_of_backtests_per_job_is_refused(declared):
    error = refusal(backtestsPerJob=declared)
    assert error.field == "spec.backtestsPerJob"
    assert "expected a whole number from 1 to 1000, or auto, got" in str(error)


def test_whole_numbers_may_come_as_floats():
    assert parse_spec(spec_body(maxConcurrent=4.0)).max_concurrent == 4


def test_an_objective_without_direction_takes_the_metrics_own():
    assert parse_spec(spec_body(objective={"metric": "drawdown"})).objective.direction is Direction.MINIMIZE
    chosen = {"metric": "drawdown", "direction": "maximize"}
    assert parse_spec(spec_body(objective=chosen)).objective.direction is Direction.MAXIMIZE


def test_cash_is_an_exact_amount():
    assert parse_spec(spec_body(data=DATA | {"initialCash": 1000.1})).data.initial_cash == Decimal("1000.1")
    assert str(parse_spec(spec_body(data=DATA | {"initialCash": 1e6})).data.initial_cash) == "1000000"


def test_requests_are_quantities_as_text():
    resources = {"requests": {"cpu": 1, "memory": "512Mi"}}
    assert parse_spec(spec_body(resources=resources)).resources.requests_map() == {"cpu": "1", "memory": "512Mi"}


def test_criteria_are_handed_on_plainly():
    spec = parse_spec(spec_body(successCriteria={"minTrades": 5, "minSharpe": 1, "maxFeeShare": 0.3}))
    assert spec.success_criteria is not None
    assert spec.success_criteria.criteria() == SuccessCriteria(min_trades=5, min_sharpe=1, max_fee_share=0.3)


@pytest.mark.parametrize(
    ("fields", "path", "problem", "hint"),
    [
        pytest.param({"strategy": None}, "spec.strategy", "the field is missing", "Add it", id="missing"),
        pytest.param(
            {"engin": {}}, "spec.engin", "the field is unknown", "Did you mean engine?", id="unknown at the top"
        ),
        pytest.param(
            {"parameters": [{"name": "a", "type": "int", "rnage": {}}]},
            "spec.parameters[0].rnage",
            "the field is unknown",
            "Did you mean range? Known here: name, type, range, values, value",
            id="unknown in a list",
        ),
        pytest.param(
            {"data": DATA | {"volume": {"claimname": "x"}}},
            "spec.data.volume.claimname",
            "the field is unknown (and 1 more error)",
            "Did you mean claimName?",
            id="misspelt before missing",
        ),
        pytest.param(
            {"engine": {"name": "bars", "zzz": 1}},
            "spec.engine.zzz",
            "unknown",
            "Remove it. Known here: name, image",
            id="far off",
        ),
        pytest.param(
            {"engine": {"name": "zipline"}},
            "spec.engine.name",
            "expected 'bars', 'lean' or 'noop', got 'zipline'",
            "Choose one of them.",
            id="enum",
        ),
        pytest.param(
            {"maxConcurrent": 0}, "spec.maxConcurrent", "at least 1, got 0", "Raise it to at least 1.", id="low"
        ),
        pytest.param(
            {"maxConcurrent": "4"}, "spec.maxConcurrent", "got '4'", "a whole number without quotes", id="text for int"
        ),
        pytest.param({"maxConcurrent": True}, "spec.maxConcurrent", "got true", "a whole number", id="bool for int"),
        pytest.param({"maxConcurrent": 4.5}, "spec.maxConcurrent", "got 4.5", "a whole number", id="fraction for int"),
        pytest.param(
            {"suspend": 1}, "spec.suspend", "expected true or false, got 1", "Write true or false", id="number for bool"
        ),
        pytest.param(
            {"successCriteria": {"minPsr": float("nan")}}, "spec.successCriteria.minPsr", "nan", "finite", id="nan"
        ),
        pytest.param({"parameters": []}, "spec.parameters", "got 0 items", "List at least 1 item", id="no parameters"),
        pytest.param(
            {"constraints": ["a"] * 33}, "spec.constraints", "got 33 items", "List at most 32 items", id="too many"
        ),
        pytest.param(
            {"constraints": [""]},
            "spec.constraints[0]",
            "got 0 characters",
            "Write at least 1 character",
            id="empty text",
        ),
        pytest.param(
            {"strategy": {"name": "a b"}},
            "spec.strategy.name",
            "expected text that matches `^[A-Za-z0-9][A-Za-z0-9_.-]*$`, got 'a b'",
            "Change it to match the pattern.",
            id="pattern",
        ),
        pytest.param(
            {"data": DATA | {"startDate": "2001-02-29"}},
            "spec.data.startDate",
            "expected a date, got",
            "exists",
            id="day",
        ),
        pytest.param(
            {"data": DATA | {"startDate": "20010228"}},
            "spec.data.startDate",
            "expected a date, got",
            "YYYY",
            id="compact",
        ),
        pytest.param(
            {"data": DATA | {"endDate": 20010228}},
            "spec.data.endDate",
            "expected a date, got",
            "in quotes",
            id="number",
        ),
        pytest.param(
            {"data": DATA | {"initialCash": "1"}}, "spec.data.initialCash", "the text '1'", "quotes", id="cash text"
        ),
        pytest.param(
            {"data": DATA | {"initialCash": 0.5}},
            "spec.data.initialCash",
            "an amount from 1 to 1000000000000, got 0.5",
            "in these bounds",
            id="no cash",
        ),
        pytest.param(
            {"data": DATA | {"initialCash": 1e13}},
            "spec.data.initialCash",
            "to 1000000000000, got 1",
            "in these bounds",
            id="rich",
        ),
        pytest.param(
            {"data": DATA | {"initialCash": 1.1 + 2.2}}, "spec.data.initialCash", "15 significant", "Round", id="cents"
        ),
        pytest.param(
            {"resources": {"requests": {"cpu": "1 core"}}}, "spec.resources.requests.cpu", "'1 core'", "500m", id="cpu"
        ),
        pytest.param(
            {"resources": {"requests": {"cpu": True}}}, "spec.resources.requests.cpu", "true", "500m", id="cpu bool"
        ),
        pytest.param(
            {"resources": {"limits": {}}}, "spec.resources.limits", "unknown", "Known here: requests", id="limits"
        ),
        pytest.param({"x\n": 1}, "spec.'x\\n'", "unknown", "Known here", id="hostile key"),
        pytest.param({"": 1}, "spec.''", "unknown", "Known here", id="empty key"),
    ],
)
def test_a_field_at_fault_is_named_with_problem_and_hint(fields, path, problem, hint):
    error = refusal(**fields)
    assert error.field == path
    assert problem in error.problem
    assert hint in error.hint


def test_a_default_that_another_error_keeps_from_being_computed_is_no_error_of_its_own():
    assert [each.field for each in find_faults(spec_body(objective={"metric": 5}))] == ["spec.objective.metric"]


def test_the_message_of_a_bound_reads_as_one_sentence():
    expected = "spec.maxConcurrent: expected a number of at least 1, got 0. Raise it to at least 1."
    assert str(refusal(maxConcurrent=0)) == expected


def test_a_key_of_64_characters_is_shown_whole_and_a_longer_one_cut():
    assert refusal(**{"k" * 64: 1}).field == "spec." + "k" * 64
    assert refusal(**{"k" * 65: 1}).field == "spec.'" + "k" * 37 + "...'"


@pytest.mark.parametrize("spec", [None, [], "spec", 3], ids=["null", "list", "text", "number"])
def test_what_is_no_object_is_no_spec(spec):
    with pytest.raises(SpecInvalid, match=r"is not a spec\. Write strategy, engine, data and parameters") as refused:
        parse_spec(spec)
    assert refused.value.field == "spec"


def test_an_amount_that_was_read_once_is_read_again():
    spec = parse_spec(spec_body())
    again = type(spec).model_validate(spec.model_dump(by_alias=True))
    assert again == spec

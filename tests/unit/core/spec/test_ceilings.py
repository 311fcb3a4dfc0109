"""The installation's ceilings: refused above them, and held to them where the batch was there first."""

import pytest

from backfleet.core.errors import SpecInvalid
from backfleet.core.spec.ceilings import NO_CEILINGS, Ceilings, clamp
from backfleet.core.spec.model import parse_spec
from backfleet.core.spec.validation import AcceptanceLimits, validate_spec
from tests.support.manifests.specs import STRATEGIES, spec_body

CEILINGS = Ceilings(ttl_seconds_after_finished=900, start_timeout_seconds=700, backtest_timeout_seconds=2000)


def spec(**fields):
    return parse_spec(spec_body(**fields))


def accept(ceilings, **fields):
    return validate_spec(spec(**fields), STRATEGIES, AcceptanceLimits(ceilings=ceilings)).spec


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param(
            {"ttlSecondsAfterFinished": 901},
            "spec.ttlSecondsAfterFinished: 901 is above this installation's ceiling of 900 seconds. Ask for at most 900.",
            id="a finished Job that stays",
        ),
        pytest.param(
            {"failurePolicy": {"startTimeoutSeconds": 701}},
            "spec.failurePolicy.startTimeoutSeconds: 701 is above this installation's ceiling of 700 seconds. "
            "Ask for at most 700.",
            id="a start",
        ),
        pytest.param(
            {"failurePolicy": {"backtestTimeoutSeconds": 2001}},
            "spec.failurePolicy.backtestTimeoutSeconds: 2001 is above this installation's ceiling of 2000 seconds. "
            "Ask for at most 2000.",
            id="a backtest",
        ),
    ],
)
def test_a_time_above_its_ceiling_is_refused_with_its_field_and_the_ceiling(fields, message):
    with pytest.raises(SpecInvalid) as refused:
        accept(CEILINGS, **fields)
    assert str(refused.value) == message


def test_a_time_at_its_ceiling_is_taken_as_it_is():
    policy = {"startTimeoutSeconds": 700, "backtestTimeoutSeconds": 2000}
    accepted = accept(CEILINGS, ttlSecondsAfterFinished=900, failurePolicy=policy)
    assert accepted == spec(ttlSecondsAfterFinished=900, failurePolicy=policy)


def test_a_default_above_a_ceiling_is_lowered_and_not_refused():
    low = Ceilings(ttl_seconds_after_finished=60, start_timeout_seconds=30, backtest_timeout_seconds=90)
    # As the API server hands it over: with the schema's defaults written in.
    accepted = accept(low, ttlSecondsAfterFinished=600, failurePolicy={"backtestTimeoutSeconds": 1800})
    policy = accepted.failure_policy
    assert accepted.ttl_seconds_after_finished == 60
    assert (policy.start_timeout_seconds, policy.backtest_timeout_seconds) == (30, 90)


def test_what_is_clamped_says_what_was_asked_for():
    clamped, told = clamp(spec(ttlSecondsAfterFinished=31_536_000), CEILINGS)
    assert clamped.ttl_seconds_after_finished == 900
    assert told == ["spec.ttlSecondsAfterFinished: 900 is in force, this installation's ceiling, instead of 31536000"]


def test_without_ceilings_the_bounds_of_the_schema_hold():
    policy = {"startTimeoutSeconds": 86_400, "backtestTimeoutSeconds": 604_800}
    fields = {"ttlSecondsAfterFinished": 31_536_000, "failurePolicy": policy}
    assert accept(NO_CEILINGS, **fields) == spec(**fields)

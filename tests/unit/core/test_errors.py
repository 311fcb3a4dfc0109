"""Errors read as sentences: field, problem, then the fix."""

import pytest

from backfleet.core.errors import SpecInvalid, as_sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("write a number", "Write a number.", id="a phrase"),
        pytest.param("Did you mean rsi_period?", "Did you mean rsi_period?", id="a question"),
        pytest.param("Write a number.", "Write a number.", id="a sentence"),
        pytest.param(
            "maxTrades must be above minTrades", "maxTrades must be above minTrades.", id="a name in camel case"
        ),
        pytest.param("rsi_period is too long", "rsi_period is too long.", id="a name with an underscore"),
        pytest.param("spec.data is needed", "spec.data is needed.", id="a path"),
        pytest.param("`type` is needed", "`type` is needed.", id="code"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_hint_becomes_a_sentence(text: str, sentence: str) -> None:
    assert as_sentence(text) == sentence


def test_the_message_of_an_error_has_field_problem_and_hint() -> None:
    error = SpecInvalid("spec.maxConcurrent", "expected 1 or more, got 0", "write a number from 1")
    assert str(error) == "spec.maxConcurrent: expected 1 or more, got 0. Write a number from 1."
    assert error.hint == "Write a number from 1."

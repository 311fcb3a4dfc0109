"""Whatever is wrong with a spec, a setting or a request, the text about it is ours: what was expected, what came, the fix."""

import re
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from backfleet.core.errors import as_sentence
from backfleet.core.spec.expectations import explain
from backfleet.core.spec.fields import DEFAULT_NOT_COMPUTED
from backfleet.core.spec.model import BatchSpec
from backfleet.settings import Settings
from backfleet_api.http.catalog_query import CompareQuery, LeaderboardQuery
from backfleet_api.http.query import BacktestsQuery, BatchesQuery, BatchLookup, ColumnsQuery, HeatMapQuery, ResultsQuery
from backfleet_api.schemas.writing import RunRequest

QUERIES = (
    BatchLookup,
    BatchesQuery,
    ResultsQuery,
    BacktestsQuery,
    HeatMapQuery,
    ColumnsQuery,
    LeaderboardQuery,
    CompareQuery,
)
MODELS = (BatchSpec, Settings, *QUERIES, RunRequest)
WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 0.5, 1e15, float("nan"), float("inf"), "", "x\n", "no", "a" * 200_000, [], ["x", "x"], [[]],
    list(range(20_000)), {}, {"x": 1}, {"x": {"image": 1}}, {"name": 1}, [{"name": 1}],
)  # fmt: skip
PROBLEM = re.compile("expected .+, got .+|the field is (missing|unknown)", re.DOTALL)


def errors_of(model: type[BaseModel], body: dict[str, Any]) -> list[Any]:
    try:
        model.model_validate(body)
    except ValidationError as error:
        return [each for each in error.errors(include_url=False) if each["type"] != DEFAULT_NOT_COMPUTED]
    return []


def bodies(model: type[BaseModel]) -> list[dict[str, Any]]:
    names = [field.alias or name for name, field in model.model_fields.items()]
    return [{}, {"unknown": 1}, *({name: wrong} for name in names for wrong in WRONG)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_error_of_a_model_is_said_in_our_words(model: type[BaseModel]) -> None:
    found = [each for body in bodies(model) for each in errors_of(model, body)]
    assert len(found) >= 10
    texts = {(each["type"], each["loc"]): explain(each) for each in found}
    assert [(where, text) for where, (text, _) in texts.items() if not PROBLEM.fullmatch(text)] == []
    assert all(len(text) < 500 and as_sentence(hint) for text, hint in texts.values())


def test_an_error_of_a_kind_that_none_of_our_models_has_is_shown_as_it_is() -> None:
    unknown: Any = {"type": "url_parsing", "loc": ("a",), "msg": "Input should be a valid URL", "input": "x"}
    assert explain(unknown) == ("'x' is not valid", "input should be a valid URL")

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.errors import SpecInvalid
from backfleet.recorder.orders import Orders, OrdersInvalid, read_orders
from backfleet.store.postgres.session import open_engine
from backfleet_api.settings import load_settings
from tests.support.engines import make_request
from tests.support.packs import pack_of

PACK = pack_of(make_request(parameter_texts={"rsi_period": "14"}), "uid", 3, 1)
ENVIRONMENT = {
    "BACKFLEET_ENGINE": "bars",
    "BACKFLEET_PACK": PACK.to_json(),
    "BACKFLEET_RECORDER_DATABASE_URL": "postgresql://recorder:hunter2@db:5432/backfleet",
}
ORDERS = Orders(
    engine="bars",
    pack=PACK,
    database_url="postgresql://recorder:hunter2@db:5432/backfleet",
    patience_seconds=900.0,
    folder=Path("/results"),
    termination_log=Path("/dev/termination-log"),
)


def test_the_environment_becomes_orders_with_defaults() -> None:
    assert read_orders(ENVIRONMENT) == ORDERS


def test_what_has_a_default_may_be_set() -> None:
    more = {
        "BACKFLEET_RECORDER_PATIENCE_SECONDS": "7.5",
        "BACKFLEET_ENGINE_IMAGE": "registry.example/lean:1",
        "BACKFLEET_RESULTS_PATH": "/other",
        "BACKFLEET_TERMINATION_LOG": "/last/word",
    }
    changes: dict[str, Any] = {"folder": Path("/other"), "termination_log": Path("/last/word")}
    expected = replace(ORDERS, engine_image="registry.example/lean:1", patience_seconds=7.5, **changes)
    assert read_orders(ENVIRONMENT | more) == expected


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://recorder:hunter2@db:5432/backfleet",
        "postgres://recorder:hunter2@db/backfleet",
        "postgresql+psycopg2://recorder:hunter2@db/backfleet",
        "postgresql+psycopg://recorder:hunter2@db/backfleet",
        "postgresql://recorder:a%40b%@db/backfleet?sslmode=require",
        "postgresql:///backfleet?host=/var/run/postgresql",
        "mysql://recorder:hunter2@db/backfleet",
        "postgresql://recorder:hunter2@db",
        "postgresql://recorder:hunter2@db:x/backfleet",
        "recorder",
    ],
)
def test_operator_api_and_recorder_take_and_refuse_the_same_urls(url: str) -> None:
    def is_taken(read: Callable[[Mapping[str, str]], object], name: str, more: Mapping[str, str]) -> bool:
        try:
            read({**more, name: url})
        except (OrdersInvalid, SpecInvalid):
            return False
        return True

    taken = {
        is_taken(read_orders, "BACKFLEET_RECORDER_DATABASE_URL", ENVIRONMENT),
        is_taken(load_settings, "BACKFLEET_API_DATABASE_URL", {}),
        is_taken(lambda given: open_engine(given["url"], application_name="test"), "url", {}),
    }
    assert len(taken) == 1
    assert taken == {url.startswith("postgres") and "/backfleet" in url and ":x/" not in url}


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
@pytest.mark.parametrize("value", [None, "", "  "], ids=["absent", "empty", "blank"])
def test_a_missing_variable_is_named(name: str, value: str | None) -> None:
    environment = {**ENVIRONMENT, name: value} if value is not None else {**ENVIRONMENT}
    if value is None:
        del environment[name]
    with pytest.raises(OrdersInvalid, match=f"^{name} is not set$"):
        read_orders(environment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKFLEET_PACK", "{"),
        ("BACKFLEET_PACK", "[]"),
        ("BACKFLEET_PACK", "{}"),
        ("BACKFLEET_PACK", "[" * 100_000),
        ("BACKFLEET_PACK", PACK.to_json().replace('"1000"', '"much"')),
        ("BACKFLEET_PACK", PACK.to_json().replace("[[3,1,1]]", "[]")),
        ("BACKFLEET_PACK", PACK.to_json().replace("[[3,1,1]]", "[[3,2,1]]")),
        ("BACKFLEET_RECORDER_DATABASE_URL", "mysql://recorder:hunter2@db/backfleet"),
        ("BACKFLEET_RECORDER_DATABASE_URL", "postgresql://recorder:hunter2@db:5432"),
        ("BACKFLEET_RECORDER_DATABASE_URL", "postgresql://recorder:hunter2@db:x/backfleet"),
        ("BACKFLEET_RECORDER_DATABASE_URL", "postgresql://recorder:hunter2@db/x?hunter2=1"),
        ("BACKFLEET_RECORDER_PATIENCE_SECONDS", "soon"),
        ("BACKFLEET_RECORDER_PATIENCE_SECONDS", "-1"),
        ("BACKFLEET_RECORDER_PATIENCE_SECONDS", "nan"),
        ("BACKFLEET_RECORDER_PATIENCE_SECONDS", "86401"),
    ],
)
def test_a_wrong_variable_is_named_and_no_secret_is_shown(name: str, value: str) -> None:
    with pytest.raises(OrdersInvalid, match=f"^{name}[: ]") as caught:
        read_orders(ENVIRONMENT | {name: value})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__ or "hunter2" not in repr(caught.value.__cause__)

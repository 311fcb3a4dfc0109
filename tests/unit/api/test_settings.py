"""A bad variable is an error that names it, and never repeats a password."""

import pytest

from backfleet.core.errors import SpecInvalid
from backfleet_api.settings import ApiSettings, load_settings

URL = "postgresql://api:secret@db:5432/backfleet"


def test_the_url_alone_is_enough() -> None:
    assert load_settings({"BACKFLEET_API_DATABASE_URL": URL}) == ApiSettings(
        database_url=URL, namespace="default", host="0.0.0.0", port=8230
    )


def test_everything_can_be_set_and_empty_is_unset() -> None:
    given = {"BACKFLEET_API_DATABASE_URL": URL, "BACKFLEET_NAMESPACE": "team", "BACKFLEET_API_HOST": "127.0.0.1"}
    settings = load_settings({**given, "BACKFLEET_API_PORT": "80"})
    assert settings == ApiSettings(database_url=URL, namespace="team", host="127.0.0.1", port=80)
    assert load_settings({**given, "BACKFLEET_API_PORT": ""}).port == 8230


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKFLEET_API_DATABASE_URL", ""),
        ("BACKFLEET_API_DATABASE_URL", "mysql://api:secret@db/backfleet"),
        ("BACKFLEET_API_DATABASE_URL", "postgresql://api:secret@db:port/backfleet"),
        ("BACKFLEET_NAMESPACE", "Not_A_Namespace"),
        ("BACKFLEET_NAMESPACE", "x" * 64),
        ("BACKFLEET_API_PORT", "0"),
        ("BACKFLEET_API_PORT", "65536"),
        ("BACKFLEET_API_PORT", "tcp://10.0.0.1:8230"),
        ("BACKFLEET_API_PORT", "٨٢٣٠"),
    ],
)
def test_a_bad_variable_is_named_without_the_password(name: str, value: str) -> None:
    with pytest.raises(SpecInvalid) as caught:
        load_settings({"BACKFLEET_API_DATABASE_URL": URL, name: value})
    assert caught.value.field == name
    assert "secret" not in str(caught.value)


def test_a_repr_shows_no_password() -> None:
    assert "secret" not in repr(load_settings({"BACKFLEET_API_DATABASE_URL": URL}))

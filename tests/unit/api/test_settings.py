"""A bad variable is an error that names it, and never repeats a password."""

from pathlib import Path

import pytest

from backfleet.core.errors import SpecInvalid
from backfleet_api.settings import ApiSettings, load_settings

URL = "postgresql://api:secret@db:5432/backfleet"
TOKEN = "a-token-of-these-tests"


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
    ("given", "wanted"), [("", "team/backfleet"), ("prod/demo", "prod/demo")], ids=["the usual release's", "its own"]
)
def test_the_installation_is_the_operators(given: str, wanted: str) -> None:
    named = {"BACKFLEET_NAMESPACE": "team", "BACKFLEET_INSTALLATION": given}
    assert load_settings({"BACKFLEET_API_DATABASE_URL": URL, **named}).realm == wanted


@pytest.mark.parametrize(("namespaces", "watched"), [("", ("home",)), ("lab", ("lab",)), ("lab,home", ("lab", "home"))])
def test_the_watched_namespaces_are_the_own_one_unless_they_are_named(
    namespaces: str, watched: tuple[str, ...]
) -> None:
    given = {"BACKFLEET_API_DATABASE_URL": URL, "BACKFLEET_NAMESPACE": "home", "BACKFLEET_NAMESPACES": namespaces}
    assert load_settings(given).watched == watched


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKFLEET_API_DATABASE_URL", ""),
        ("BACKFLEET_API_DATABASE_URL", "mysql://api:secret@db/backfleet"),
        ("BACKFLEET_API_DATABASE_URL", "postgresql://api:secret@db:port/backfleet"),
        ("BACKFLEET_NAMESPACE", "Not_A_Namespace"),
        ("BACKFLEET_NAMESPACE", "x" * 64),
        ("BACKFLEET_NAMESPACES", "lab,"),
        ("BACKFLEET_NAMESPACES", "lab, team"),
        ("BACKFLEET_API_PORT", "0"),
        ("BACKFLEET_API_PORT", "65536"),
        ("BACKFLEET_API_PORT", "tcp://10.0.0.1:8230"),
        ("BACKFLEET_API_PORT", "٨٢٣٠"),
        ("BACKFLEET_API_CONFIGS", "/nowhere"),
        ("BACKFLEET_API_CONFIGS", "/etc/hostname"),
        ("BACKFLEET_API_DATABASE_VOLUME", "some"),
    ],
)
def test_a_bad_variable_is_named_without_the_password(name: str, value: str) -> None:
    with pytest.raises(SpecInvalid) as caught:
        load_settings({"BACKFLEET_API_DATABASE_URL": URL, name: value})
    assert caught.value.field == name
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("text", "is_lasting"), [("none", False), ("", True)])
def test_a_database_lasts_unless_the_chart_says_otherwise(text: str, is_lasting: bool) -> None:
    given = {"BACKFLEET_API_DATABASE_URL": URL, "BACKFLEET_API_DATABASE_VOLUME": text}
    assert load_settings(given).is_database_lasting is is_lasting


def test_a_repr_shows_no_password_and_no_token() -> None:
    shown = repr(load_settings({"BACKFLEET_API_DATABASE_URL": URL, "BACKFLEET_API_TOKEN": TOKEN}))
    assert "secret" not in shown
    assert TOKEN not in shown


def test_the_token_comes_from_the_variable_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    given = {"BACKFLEET_API_DATABASE_URL": URL}
    assert load_settings(given).token is None
    assert load_settings({**given, "BACKFLEET_API_TOKEN": TOKEN}).token == TOKEN
    assert load_settings({**given, "BACKFLEET_API_TOKEN_FILE": str(tmp_path / "token")}).token == TOKEN


@pytest.mark.parametrize(
    ("token", "content"),
    [
        pytest.param("tooshort-hidden", None, id="short"),
        pytest.param("hidden token with blanks", None, id="blanks"),
        pytest.param("hidden-but-with-tokén", None, id="not ASCII"),
        pytest.param("hidden" * 100, None, id="long"),
        pytest.param("", b"hidden", id="short file"),
        pytest.param("", b"", id="empty file"),
        pytest.param("", b"hidden-\xff-of-many-bytes", id="binary file"),
        pytest.param("hidden-and-long-enough", b"hidden-and-long-enough", id="both"),
    ],
)
def test_a_bad_token_is_told_without_it(tmp_path: Path, token: str, content: bytes | None) -> None:
    given = {"BACKFLEET_API_DATABASE_URL": URL, "BACKFLEET_API_TOKEN": token}
    if content is not None:
        (tmp_path / "token").write_bytes(content)
        given["BACKFLEET_API_TOKEN_FILE"] = str(tmp_path / "token")
    with pytest.raises(SpecInvalid) as caught:
        load_settings(given)
    assert caught.value.field.startswith("BACKFLEET_API_TOKEN")
    assert "hidden" not in str(caught.value)


def test_a_token_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecInvalid, match="nowhere cannot be read"):
        load_settings({"BACKFLEET_API_DATABASE_URL": URL, "BACKFLEET_API_TOKEN_FILE": str(tmp_path / "nowhere")})


def test_the_folder_of_configs_is_one_that_is_there(tmp_path: Path) -> None:
    given = {"BACKFLEET_API_DATABASE_URL": URL}
    assert load_settings(given).configs_folder is None
    assert load_settings({**given, "BACKFLEET_API_CONFIGS": ""}).configs_folder is None
    assert load_settings({**given, "BACKFLEET_API_CONFIGS": str(tmp_path)}).configs_folder == str(tmp_path)

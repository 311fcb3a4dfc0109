"""Connections: URLs, time limits, and what a driver's error becomes. Passwords stay out of everything that is said."""

import time
import traceback

import pytest
from sqlalchemy import Engine, text

from backfleet.core.errors import NotFound, SpecInvalid, Unavailable, ValuesRefused
from backfleet.store.passes.observe import observe
from backfleet.store.postgres.connection import Timeouts
from backfleet.store.postgres.session import check, dump_json, looking, open_engine, writing
from backfleet.store.postgres.urls import parse_url
from tests.integration.store.conftest import QUICK
from tests.support.changes import Life, attempt, launch
from tests.support.databases import Database

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("postgres://u:p@h/d", ("h", 5432, "u", "p", "d", {})),
        ("postgresql://u:p@h:6/d", ("h", 6, "u", "p", "d", {})),
        ("postgresql+psycopg2://u@h/d", ("h", 5432, "u", None, "d", {})),
        ("postgresql+psycopg://h/d", ("h", 5432, None, None, "d", {})),
        (
            " postgresql://u:p%40%2F@[::1]/d%20x?sslmode=require ",
            ("::1", 5432, "u", "p@/", "d x", {"sslmode": "require"}),
        ),
        ("postgresql:///d?host=/var/run", ("/var/run", 5432, None, None, "d", {})),
    ],
)
def test_a_url_is_read_whatever_its_scheme(url: str, parts: tuple[object, ...]) -> None:
    read = parse_url(url)
    assert (read.host, read.port, read.user, read.password, read.database, dict(read.options)) == parts
    assert "p@/" not in repr(read)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter2@h/d",
        "u:hunter2@h/d",
        "postgresql://u:hunter2@h",
        "postgresql://u:hunter2@h:port/d",
        "postgresql://u:hunter2/3@h/d",
        "postgresql://u:hunter2@[h/d",
        "",
    ],
)
def test_a_url_that_cannot_be_used_is_named_and_never_repeated(url: str) -> None:
    with pytest.raises(SpecInvalid, match=r"BACKFLEET_DATABASE_URL: .*. Write postgresql://") as caught:
        parse_url(url, "BACKFLEET_DATABASE_URL")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_an_engine_shows_no_password(database: Database) -> None:
    engine = open_engine(database.operator_url, application_name="test")
    shown = f"{engine!r} {engine.url!r} {engine.url.render_as_string(hide_password=False)}"
    assert database.server.password not in shown


def test_a_wrong_password_is_unavailable_and_not_told(database: Database) -> None:
    url = database.operator_url.replace(database.server.password, "hunter2")
    engine = open_engine(url, application_name="test", timeouts=QUICK)
    with pytest.raises(Unavailable, match="password authentication failed") as caught:
        check(engine)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_the_limits_of_a_session_are_set(engine: Engine) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone", "application_name")
    with engine.connect() as connection:
        shown = [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]
    assert shown == ["5s", "2s", "1min", "UTC", "test-operator"]


def test_options_of_the_url_are_kept(database: Database) -> None:
    engine = open_engine(f"{database.operator_url}?options=-c%20work_mem%3D5MB", application_name="test")
    with engine.connect() as connection:
        assert connection.execute(text("SHOW work_mem")).scalar_one() == "5MB"
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "15s"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT pg_sleep(30)", "statement timeout"),
        ("SELECT * FROM no_such_table", "backfleet-migrate"),
        ("SELECT no_such_column FROM strategies", "backfleet-migrate"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "terminating connection"),
    ],
)
def test_what_may_work_later_is_unavailable(database: Database, statement: str, message: str) -> None:
    engine = open_engine(
        database.operator_url, application_name="test", timeouts=Timeouts(statement_seconds=1, lock_seconds=1)
    )
    with pytest.raises(Unavailable, match=message) as caught, writing(engine, "trying") as connection:
        connection.execute(text(statement))
    assert str(caught.value).startswith("trying: ")
    assert caught.value.__cause__ is not None


def test_a_lock_that_is_held_too_long_is_unavailable(engine: Engine, life: Life) -> None:
    life.save()
    with engine.begin() as holder:
        holder.execute(text("LOCK TABLE optimization_batches"))
        with pytest.raises(Unavailable, match="lock timeout"):
            life.save(total=9)


def test_a_pool_that_is_empty_is_unavailable(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backfleet.store.postgres.session.POOL_WAIT_SECONDS", 0.05)
    engine = open_engine(database.operator_url, application_name="test", pool_size=1)
    with (
        engine.connect(),
        engine.connect(),
        pytest.raises(Unavailable, match="no database connection was free"),
        looking(engine, "looking"),
    ):
        pass


def test_a_foreign_row_that_is_missing_is_not_found(engine: Engine) -> None:
    statement = "INSERT INTO outcome_inbox (attempt_id) VALUES ('none')"
    with pytest.raises(NotFound, match="outcome_inbox"), writing(engine, "writing") as connection:
        connection.execute(text(statement))


def test_a_defect_of_ours_stays_what_it_is(engine: Engine) -> None:
    for defect in (ZeroDivisionError(), ValueError("not one of the values")):
        with pytest.raises(type(defect)), writing(engine, "writing"):
            raise defect


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        pytest.param("CAST(:value AS jsonb)", "cannot be converted to text", id="a NUL in JSON"),
        pytest.param("CAST(:value AS integer)", "integer", id="a number out of range"),
    ],
)
def test_a_value_that_postgres_does_not_take_is_told_by_its_sentence(engine: Engine, value: str, sentence: str) -> None:
    given = '["\\u0000"]' if "jsonb" in value else "99999999999"
    with pytest.raises(ValuesRefused, match=sentence) as caught, writing(engine, "writing") as connection:
        connection.execute(text(f"SELECT {value}"), {"value": given})
    assert str(caught.value).startswith("writing: ")
    assert "sqlalche.me" not in str(caught.value)


@pytest.mark.parametrize("value", ["a\x00", "a\ud800"], ids=["NUL", "half a surrogate pair"])
def test_a_text_that_the_driver_cannot_send_is_a_value_refused(engine: Engine, value: str) -> None:
    with pytest.raises(ValuesRefused), writing(engine, "writing") as connection:
        connection.execute(text("SELECT :value"), {"value": value})


def test_a_row_that_a_constraint_refuses_is_not_repeated(engine: Engine) -> None:
    statement = "INSERT INTO strategies (name, status, symbols, parameters) VALUES ('secret', 'none', '[]', '[]')"
    with pytest.raises(ValuesRefused, match="violates") as caught, writing(engine, "writing") as connection:
        connection.execute(text(statement))
    assert "secret" not in str(caught.value)


def test_a_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    statement = "INSERT INTO installations (id) VALUES ('x'), ('x')"
    with pytest.raises(ValuesRefused), writing(engine, "writing") as connection:
        connection.execute(text(statement))
    with looking(engine, "looking") as connection:
        assert connection.execute(text("SELECT count(*) FROM installations")).scalar_one() == 0


def test_a_look_may_not_write(engine: Engine) -> None:
    with pytest.raises(Unavailable, match="read-only transaction"), looking(engine, "looking") as connection:
        connection.execute(text("INSERT INTO installations (id) VALUES ('x')"))


def test_a_restart_of_postgres_costs_no_error_after_it(database: Database, life: Life) -> None:
    life.save(launch(attempt()))
    database.terminate_connections()
    assert len(life.look().packs) == 1


def test_a_cut_network_is_unavailable_until_it_is_back(database: Database, life: Life) -> None:
    life.save()
    with database.behind_proxy() as proxy:
        engine = open_engine(proxy.url_of(database.operator_url), application_name="test", timeouts=QUICK)
        assert len(observe(engine, "backfleet/test", []).batches) == 1
        proxy.cut()
        with pytest.raises(Unavailable, match="reading the rows"):
            observe(engine, "backfleet/test", [])
        proxy.restore()
        assert len(observe(engine, "backfleet/test", []).batches) == 1


def test_a_server_that_says_nothing_any_more_is_given_up(
    database: Database, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.save()
    monkeypatch.setattr("backfleet.store.postgres.connection.ANSWER_SLACK_SECONDS", -0.5)
    limits = Timeouts(connect_seconds=1, statement_seconds=1)
    with database.behind_proxy() as proxy:
        engine = open_engine(proxy.url_of(database.operator_url), application_name="test", timeouts=limits)
        observe(engine, "backfleet/test", [])
        proxy.freeze()
        started = time.monotonic()
        with pytest.raises(Unavailable, match="did not answer within"):
            observe(engine, "backfleet/test", [])
        assert time.monotonic() - started < 10


def test_a_statement_without_a_limit_is_waited_for(database: Database) -> None:
    engine = open_engine(database.operator_url, application_name="test", timeouts=Timeouts(statement_seconds=0))
    with looking(engine, "looking") as connection:
        assert connection.execute(text("SELECT pg_sleep(0.1) IS NULL")).scalar_one() is False


def test_numbers_that_jsonb_has_not_are_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_json({"sharpe_ratio": float("nan")})

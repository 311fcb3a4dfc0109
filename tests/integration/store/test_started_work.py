"""What an installation remembers of work that started, or did not: for a day, by the clock of the database."""

import pytest
from sqlalchemy import Engine, text

from backfleet.core.changes import StartReport
from backfleet.store.passes import statements
from backfleet.store.passes.observe import observe
from tests.support.changes import INSTALLATION, UID, Life
from tests.support.filling import explain

pytestmark = pytest.mark.postgres


def report(life: Life, key: str, *, has_started: bool) -> None:
    """Report a start with a pass's other changes of a batch."""
    life.report(StartReport(key=key, has_started=has_started))


def age(engine: Engine, key: str, hours: int) -> None:
    """Let all that is known of the work be so much older."""
    span = f"interval '{hours} hours'"
    with engine.begin() as connection:
        statement = (
            f"UPDATE started_work SET started_at = started_at - {span}, failed_at = failed_at - {span} WHERE key = :key"
        )
        connection.execute(text(statement), {"key": key})


def keys(life: Life) -> list[str]:
    return [row["key"] for row in life.query("SELECT key FROM started_work ORDER BY key")]


def test_work_that_started_is_proven_for_a_day(life: Life, engine: Engine) -> None:
    assert life.look(UID).proven == frozenset()
    report(life, "a", has_started=True)
    assert life.look(UID).proven == {"a"}
    age(engine, "a", 23)
    assert life.look(UID).proven == {"a"}
    age(engine, "a", 1)
    assert life.look(UID).proven == frozenset()
    report(life, "a", has_started=True)
    assert life.look(UID).proven == {"a"}


def test_a_start_that_failed_takes_the_proof_away_until_the_next_one_succeeds(life: Life) -> None:
    for key, has_started in (("a", True), ("b", True), ("c", False), ("a", False)):
        report(life, key, has_started=has_started)
    assert life.look(UID).proven == {"b"}
    report(life, "a", has_started=True)
    assert life.look(UID).proven == {"a", "b"}


def test_what_another_installation_started_proves_nothing_here(life: Life, engine: Engine) -> None:
    report(life, "a", has_started=True)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO installations (id, epoch) VALUES ('other', 1)"))
        connection.execute(text("UPDATE started_work SET installation_id = 'other'"))
    assert life.look(UID).proven == frozenset()


def test_what_is_older_than_two_days_is_forgotten_with_the_next_report(life: Life, engine: Engine) -> None:
    for key in ("a", "b", "c"):
        report(life, key, has_started=True)
    age(engine, "a", 49)
    age(engine, "b", 47)
    assert keys(life) == ["a", "b", "c"]
    report(life, "c", has_started=False)
    assert keys(life) == ["b", "c"]


def test_a_look_and_a_report_read_the_work_of_their_installation_alone(life: Life, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO installations (id, epoch) SELECT 'i' || n, 1 FROM generate_series(1, 100) n")
        )
        connection.execute(
            text(
                "INSERT INTO started_work (installation_id, key, started_at) "
                "SELECT 'i' || n, 'key-' || k, now() FROM generate_series(1, 100) n, generate_series(1, 100) k"
            )
        )
    report(life, "a", has_started=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE started_work"))
    found = explain(engine, lambda: observe(engine, INSTALLATION, [UID]))
    assert "started_work" not in found.sequential
    assert "pk_started_work" in found.indexes
    values = {"installation": INSTALLATION, "key": "a", "has_started": True}
    with engine.begin() as connection:
        lines = connection.execute(text(f"EXPLAIN {statements.REPORT_START}"), values).scalars().all()
    assert "Seq Scan on started_work" not in "\n".join(lines)

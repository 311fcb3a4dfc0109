"""Sets the rights of the recorder's and the API's database roles: exactly these, whatever they had before."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from backfleet.core.errors import SpecInvalid
from backfleet.store.tables.backtests import BacktestOutcome

ENV_ROLE_RECORDER = "BACKFLEET_DB_ROLE_RECORDER"
ENV_ROLE_API = "BACKFLEET_DB_ROLE_API"

OUTCOME_COLUMNS = tuple(column.name for column in BacktestOutcome.__table__.columns if column.name != "recorded_at")
"""The columns that a recorder writes. The database sets the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Names of existing database roles. None grants nothing."""

    recorder: str | None = None
    api: str | None = None


def apply_grants(connection: Connection, roles: Roles) -> list[str]:
    """Grant each role its rights and revoke all others. Return lines that report it. SpecInvalid for a missing role."""
    owner = connection.execute(text("SELECT current_user")).scalar_one()
    named = ((ENV_ROLE_RECORDER, roles.recorder), (ENV_ROLE_API, roles.api))
    said: list[str] = []
    granted: list[str] = []
    for variable, role in named:
        if not role:
            said.append(f"warning: {variable} is not set, so no role is granted these rights")
        elif role == owner:
            said.append(f"warning: {variable} names {role}, the owner of the tables, which may do everything")
        elif not _exists(connection, role):
            raise SpecInvalid(variable, f"the database has no role {role!r}", "create the role, or correct the name")
        else:
            granted.append(role)
    schema = connection.execute(text("SELECT current_schema()")).scalar_one()
    _revoke(connection, sorted(set(granted)), schema)
    if roles.recorder in granted:
        columns = ", ".join(_quoted(connection, OUTCOME_COLUMNS))
        _grant(connection, f"INSERT ({columns}) ON backtest_outcomes", roles.recorder or "")
        said.append(f"{roles.recorder} may append outcomes")
    if roles.api in granted:
        _grant(connection, f"SELECT ON ALL TABLES IN SCHEMA {_quoted(connection, [schema])[0]}", roles.api or "")
        said.append(f"{roles.api} may read")
    return said


def _exists(connection: Connection, role: str) -> bool:
    found = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
    return found.scalar() is not None


def _revoke(connection: Connection, roles: Sequence[str], schema: str) -> None:
    (quoted_schema,) = _quoted(connection, [schema])
    for role in _quoted(connection, roles):
        for what in ("ALL ON ALL TABLES IN SCHEMA", "ALL ON ALL SEQUENCES IN SCHEMA"):
            connection.exec_driver_sql(f"REVOKE {what} {quoted_schema} FROM {role}")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {quoted_schema} TO {role}")


def _grant(connection: Connection, what: str, role: str) -> None:
    (quoted_role,) = _quoted(connection, [role])
    connection.exec_driver_sql(f"GRANT {what} TO {quoted_role}")


def _quoted(connection: Connection, names: Sequence[str]) -> list[str]:
    return [connection.dialect.identifier_preparer.quote_identifier(name).replace("%", "%%") for name in names]

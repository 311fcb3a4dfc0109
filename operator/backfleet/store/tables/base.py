"""The base of all tables: metadata that names every constraint, types, and the helpers that columns share."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import BigInteger, CheckConstraint, Date, Double, Integer, MetaData, Numeric, Row, Text, func
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, mapped_column

OUTCOMES_CHANNEL = "backfleet_outcomes"
"""The channel that announces new outcomes. The payload is the batch's uid."""

Json = Mapping[str, Any]
AnyRow = Row[*tuple[Any, ...]]
JsonList = list[Any]
Moment = datetime
CreatedAt = Annotated[datetime, mapped_column(server_default=func.now())]
Count = Annotated[int, mapped_column(server_default="0")]
BigCount = Annotated[int, mapped_column(BigInteger, server_default="0")]
JsonObject = Annotated[Json, mapped_column(JSONB(none_as_null=True), server_default="{}")]
JsonArray = Annotated[JsonList, mapped_column(JSONB(none_as_null=True), server_default="[]")]


class Base(DeclarativeBase):
    """The declarative base: a `str` is text, a `datetime` is timestamptz, a mapping is JSONB."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: Text(),
        int: Integer(),
        float: Double(),
        Decimal: Numeric(),
        date: Date(),
        datetime: TIMESTAMP(timezone=True),
        Json: JSONB(none_as_null=True),
        JsonList: JSONB(none_as_null=True),
    }


def one_of(column: str, values: Iterable[StrEnum | str], name: str | None = None) -> CheckConstraint:
    """Build a CHECK that a text column has one of a closed set of values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name or column)

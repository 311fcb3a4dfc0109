"""The recorder's orders: its environment, read once. An error names the missing or invalid variable."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn

from backfleet.core import wire
from backfleet.core.errors import BackfleetError, SpecInvalid
from backfleet.core.packs import PackRequest
from backfleet.store.postgres.urls import parse_url

DEFAULT_PATIENCE_SECONDS = 900.0
MAX_PATIENCE_SECONDS = 86_400.0


class OrdersInvalid(BackfleetError):
    """An invalid environment: nothing can be recorded. The message names the variable and never shows a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What to read, for which attempts, and where to append it."""

    engine: str
    engine_image: str | None = None
    pack: PackRequest
    database_url: str
    patience_seconds: float
    folder: Path
    termination_log: Path


def termination_log(environment: Mapping[str, str]) -> Path:
    """Return the path of the termination message; valid even if the rest of the environment is not."""
    return Path(environment.get(wire.ENV_TERMINATION_LOG) or wire.TERMINATION_LOG)


def read_orders(environment: Mapping[str, str]) -> Orders:
    """Read all variables. OrdersInvalid names the first missing or invalid one."""
    return Orders(
        engine=_required(environment, wire.ENV_ENGINE),
        engine_image=environment.get(wire.ENV_ENGINE_IMAGE) or None,
        pack=_pack(_required(environment, wire.ENV_PACK)),
        database_url=_database_url(_required(environment, wire.ENV_RECORDER_DATABASE_URL)),
        patience_seconds=_patience(environment.get(wire.ENV_RECORDER_PATIENCE)),
        folder=Path(environment.get(wire.ENV_RESULTS_PATH) or wire.RESULTS_PATH),
        termination_log=termination_log(environment),
    )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise OrdersInvalid(f"{name} is not set")
    return value


def _pack(text: str) -> PackRequest:
    try:
        return PackRequest.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, LookupError, RecursionError) as error:
        raise OrdersInvalid(f"{wire.ENV_PACK}: expected a pack as JSON, got {type(error).__name__}") from error


def _database_url(text: str) -> str:
    name = wire.ENV_RECORDER_DATABASE_URL
    try:
        make_dsn(**parse_url(text, name).keywords())
    except SpecInvalid as error:
        raise OrdersInvalid(str(error)) from error
    except ProgrammingError:
        # libpq's own text repeats the URL, password included.
        raise OrdersInvalid(f"{name}: the URL has an option that Postgres does not know. Remove that option.") from None
    return text


def _patience(text: str | None) -> float:
    if not text:
        return DEFAULT_PATIENCE_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_PATIENCE_SECONDS:
        raise OrdersInvalid(
            f"{wire.ENV_RECORDER_PATIENCE}: expected seconds from 0 to {MAX_PATIENCE_SECONDS:.0f}, got {text[:40]!r}"
        )
    return seconds

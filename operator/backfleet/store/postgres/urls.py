"""Reads a Postgres URL, for operator, recorder and API, so that all accept the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from backfleet.core.errors import SpecInvalid

DEFAULT_PORT = 5432

_SCHEMES = ("postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg")
_FIX = "write postgresql://user:password@host:5432/database"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """The parts of a Postgres URL. The repr hides the password."""

    host: str | None
    port: int
    user: str | None
    password: str | None = field(repr=False)
    database: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def keywords(self) -> dict[str, str | int | None]:
        """Return the keywords of libpq, with the options of the URL."""
        return {
            **self.options,
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "dbname": self.database,
        }


def parse_url(url: str, name: str = "database URL") -> DatabaseUrl:
    """Parse a URL from a user or a Secret. SpecInvalid names `name`, and never repeats the URL (its password)."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise SpecInvalid(name, "the text is not a URL", f"{_FIX}. Escape @ : / in the password") from None
    if parts.scheme not in _SCHEMES:
        shown = "no scheme" if "://" not in url else f"the scheme {parts.scheme[:20]!r}"
        raise SpecInvalid(name, f"expected a Postgres URL, got {shown}", _FIX)
    database = unquote(parts.path.lstrip("/"))
    if not database:
        raise SpecInvalid(name, "expected the name of a database after the host, got none", _FIX)
    options = dict(parse_qsl(parts.query))
    host = unquote(parts.hostname) if parts.hostname else options.pop("host", None)
    return DatabaseUrl(
        host=host,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        database=database,
        options=options,
    )

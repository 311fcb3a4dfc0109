"""The API's settings: environment variables, read once at start; a bad one is an error that names it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backfleet.core.errors import SpecInvalid
from backfleet.store.postgres.urls import parse_url

ENV_HOST = "BACKFLEET_API_HOST"
ENV_PORT = "BACKFLEET_API_PORT"
ENV_DATABASE_URL = "BACKFLEET_API_DATABASE_URL"
ENV_NAMESPACE = "BACKFLEET_NAMESPACE"
ENV_NAMESPACES = "BACKFLEET_NAMESPACES"
ENV_INSTALLATION = "BACKFLEET_INSTALLATION"
ENV_TOKEN = "BACKFLEET_API_TOKEN"  # noqa: S105 - a variable's name
ENV_TOKEN_FILE = "BACKFLEET_API_TOKEN_FILE"  # noqa: S105 - a variable's name
ENV_CONFIGS = "BACKFLEET_API_CONFIGS"
ENV_DATABASE_VOLUME = "BACKFLEET_API_DATABASE_VOLUME"

DEFAULT_HOST = "0.0.0.0"  # noqa: S104 - a container's port; who reaches it is decided by its Service
DEFAULT_PORT = 8230
USUAL_RELEASE = "backfleet"
MIN_TOKEN_LENGTH = 16
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,512}")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Threads:
    """How many requests of each kind are answered at once."""

    quick: int = 4
    slow: int = 2
    writes: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """All of it; seconds where a name says so.

    Batches are made in `namespace` where a request names none; `namespaces` are all in which batches may be made and where
    Kubernetes is asked for those that Postgres does not know: empty means `namespace` alone. Without a token writing is
    off. The database URL carries a password, so neither ever shows in a repr.
    """

    database_url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    namespace: str = "default"
    namespaces: tuple[str, ...] = ()
    installation: str | None = None
    """The operator's; its batches are all that is shown and cancelled, whoever else shares the database."""
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    configs_folder: str | None = None
    """Where `config_path` leads."""
    is_database_lasting: bool = True
    """False where the chart knows that the database goes with its pod."""
    threads: Threads = Threads()
    answer_seconds: float = 8.0
    health_seconds: float = 3.0
    cluster_seconds: float = 1.5
    cluster_write_seconds: float = 4.0
    directory_seconds: float = 5.0
    """How long a list of all watched namespaces serves requests for what Postgres does not know."""
    retry_after_seconds: int = 5

    @property
    def realm(self) -> str:
        """The installation, by default that of the release `backfleet` in the API's namespace, as the chart names it."""
        return self.installation or f"{self.namespace}/{USUAL_RELEASE}"

    @property
    def watched(self) -> tuple[str, ...]:
        """The namespaces of this installation, as its operator watches them."""
        return self.namespaces or (self.namespace,)


def load_settings(environment: Mapping[str, str]) -> ApiSettings:
    """The settings from environment variables; SpecInvalid names the variable that is wrong, and the hint."""
    url = environment.get(ENV_DATABASE_URL, "")
    if not url:
        raise SpecInvalid(
            ENV_DATABASE_URL, "not set", "give the API's Postgres URL, postgresql://user:password@host/db"
        )
    parse_url(url, ENV_DATABASE_URL)
    several = environment.get(ENV_NAMESPACES) or ""
    return ApiSettings(
        database_url=url,
        token=_parse_token(environment),
        namespace=_parse_namespace(environment.get(ENV_NAMESPACE) or "default", ENV_NAMESPACE),
        namespaces=tuple(_parse_namespace(each, ENV_NAMESPACES) for each in several.split(",") if several),
        installation=environment.get(ENV_INSTALLATION) or None,
        host=environment.get(ENV_HOST) or DEFAULT_HOST,
        port=_parse_port(environment.get(ENV_PORT)),
        configs_folder=_parse_folder(environment.get(ENV_CONFIGS)),
        is_database_lasting=_parse_volume(environment.get(ENV_DATABASE_VOLUME)),
    )


def _parse_namespace(text: str, variable: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise SpecInvalid(variable, f"{text!r} is not a namespace's name", "use a-z, 0-9 and -, at most 63")
    return text


def _parse_token(environment: Mapping[str, str]) -> str | None:
    """The token of the variable or of the file; an error never contains the token."""
    token, path = environment.get(ENV_TOKEN, ""), environment.get(ENV_TOKEN_FILE, "")
    if token and path:
        raise SpecInvalid(
            ENV_TOKEN_FILE, f"expected one source of the token, got {ENV_TOKEN} too", "set one of the two"
        )
    if not token and not path:
        return None
    name = ENV_TOKEN_FILE if path else ENV_TOKEN
    if path:
        try:
            token = Path(path).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SpecInvalid(name, f"{path} cannot be read: {type(error).__name__}", "name a readable file") from error
    if not _TOKEN.fullmatch(token):
        raise SpecInvalid(
            name,
            "not a token",
            f"write {MIN_TOKEN_LENGTH} to 512 of A-Z a-z 0-9 . _ ~ + / = -, for example openssl rand -hex 24",
        )
    return token


def _parse_folder(path: str | None) -> str | None:
    if path and not Path(path).is_dir():
        raise SpecInvalid(ENV_CONFIGS, f"{path!r} is not a folder", "name the folder that configs are mounted at")
    return path or None


def _parse_volume(text: str | None) -> bool:
    if text not in (None, "", "none"):
        raise SpecInvalid(ENV_DATABASE_VOLUME, f"{text!r} is not known", "write none, or leave it out")
    return text != "none"


def _parse_port(text: str | None) -> int:
    if not text:
        return DEFAULT_PORT
    # Kubernetes itself may set such a variable to tcp://… for a Service of that name.
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise SpecInvalid(ENV_PORT, f"{text!r} is not a port", "write a number from 1 to 65535")
    return int(text)

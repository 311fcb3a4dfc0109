"""The API's settings: environment variables, read once at start. An error names the variable that is not valid."""

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
    """The number of requests of each kind that are answered at the same time."""

    quick: int = 4
    slow: int = 2
    streams: int = 1
    writes: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """All settings. Durations are in seconds.

    A request that names no namespace creates its batch in `namespace`. `namespaces` are all in which batches may be
    created, and in which Kubernetes is asked for batches that Postgres does not know; if empty, only `namespace`.
    Without a token writing is off. The repr hides the token and the database URL, which has a password.
    """

    database_url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    namespace: str = "default"
    namespaces: tuple[str, ...] = ()
    installation: str | None = None
    """The operator's installation. The API shows and cancels only its batches, although others may share the database."""
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    configs_folder: str | None = None
    """The folder that `config_path` is relative to."""
    is_database_lasting: bool = True
    """False if the database has no volume, so that it is lost with its pod."""
    threads: Threads = Threads()
    answer_seconds: float = 8.0
    max_streams: int = 4
    """How many answers may be streamed at once."""
    piece_rows: int = 2_000
    """How many results of a stream are in memory at once."""
    stream_seconds: float = 300.0
    """How long a stream of results may take, so that a client that does not read holds no place for ever."""
    health_seconds: float = 3.0
    cluster_seconds: float = 1.5
    cluster_write_seconds: float = 4.0
    directory_seconds: float = 5.0
    """How long a list of the watched namespaces is used for requests for batches that Postgres does not know."""
    retry_after_seconds: int = 5

    @property
    def realm(self) -> str:
        """Return the installation. By default it is the chart's: the release `backfleet` in the API's namespace."""
        return self.installation or f"{self.namespace}/{USUAL_RELEASE}"

    @property
    def watched(self) -> tuple[str, ...]:
        """Return the namespaces of this installation, which its operator watches too."""
        return self.namespaces or (self.namespace,)


def load_settings(environment: Mapping[str, str]) -> ApiSettings:
    """Read the settings from environment variables. SpecInvalid names the variable that is not valid."""
    url = environment.get(ENV_DATABASE_URL, "")
    if not url:
        raise SpecInvalid(
            ENV_DATABASE_URL,
            "expected the API's Postgres URL, got nothing",
            "set it to postgresql://user:password@host/db",
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
        raise SpecInvalid(
            variable, f"{text!r} is not the name of a namespace", "use a-z, 0-9 and -, at most 63 characters"
        )
    return text


def _parse_token(environment: Mapping[str, str]) -> str | None:
    """Return the token of the variable or of the file. An error never contains the token."""
    token, path = environment.get(ENV_TOKEN, ""), environment.get(ENV_TOKEN_FILE, "")
    if token and path:
        raise SpecInvalid(
            ENV_TOKEN_FILE, f"expected one source of the token, got {ENV_TOKEN} too", "set only one of the two"
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
            "the text is not a token",
            f"use {MIN_TOKEN_LENGTH} to 512 of A-Z a-z 0-9 . _ ~ + / = -, for example the output of `openssl rand -hex 24`",
        )
    return token


def _parse_folder(path: str | None) -> str | None:
    if path and not Path(path).is_dir():
        raise SpecInvalid(
            ENV_CONFIGS, f"{path!r} is not a folder", "set it to the folder that the configs are mounted at"
        )
    return path or None


def _parse_volume(text: str | None) -> bool:
    if text not in (None, "", "none"):
        raise SpecInvalid(ENV_DATABASE_VOLUME, f"expected none or nothing, got {text!r}", "set it to none, or unset it")
    return text != "none"


def _parse_port(text: str | None) -> int:
    if not text:
        return DEFAULT_PORT
    # Kubernetes itself may set such a variable to tcp://… for a Service of that name.
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise SpecInvalid(ENV_PORT, f"{text!r} is not a port", "use a number from 1 to 65535")
    return int(text)

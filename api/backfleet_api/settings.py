"""The API's settings: environment variables, read once at start; a bad one is an error that names it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from backfleet.core.errors import SpecInvalid
from backfleet.store.connecting import parse_url

ENV_HOST = "BACKFLEET_API_HOST"
ENV_PORT = "BACKFLEET_API_PORT"
ENV_DATABASE_URL = "BACKFLEET_API_DATABASE_URL"
ENV_NAMESPACE = "BACKFLEET_NAMESPACE"

DEFAULT_HOST = "0.0.0.0"  # noqa: S104 - a container's port; who reaches it is decided by its Service
DEFAULT_PORT = 8230
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """All of it. `namespace` is where Kubernetes is asked for batches that Postgres does not know; seconds where a name says so.

    The database URL carries a password, so it never shows in a repr.
    """

    database_url: str = field(repr=False)
    namespace: str = "default"
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    threads: int = 8
    answer_seconds: float = 8.0
    health_seconds: float = 3.0
    cluster_seconds: float = 1.5
    retry_after_seconds: int = 5


def load_settings(environment: Mapping[str, str]) -> ApiSettings:
    """The settings from environment variables; SpecInvalid names the variable that is wrong, and the mend."""
    url = environment.get(ENV_DATABASE_URL, "")
    if not url:
        raise SpecInvalid(
            ENV_DATABASE_URL, "not set", "give the API's Postgres URL, postgresql://user:password@host/db"
        )
    parse_url(url, ENV_DATABASE_URL)
    namespace = environment.get(ENV_NAMESPACE) or "default"
    if not _NAMESPACE.fullmatch(namespace):
        raise SpecInvalid(ENV_NAMESPACE, f"{namespace!r} is not a namespace's name", "use a-z, 0-9 and -, at most 63")
    return ApiSettings(
        database_url=url,
        namespace=namespace,
        host=environment.get(ENV_HOST) or DEFAULT_HOST,
        port=_parse_port(environment.get(ENV_PORT)),
    )


def _parse_port(text: str | None) -> int:
    if not text:
        return DEFAULT_PORT
    # Kubernetes itself may set such a variable to tcp://… for a Service of that name.
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise SpecInvalid(ENV_PORT, f"{text!r} is not a port", "write a number from 1 to 65535")
    return int(text)

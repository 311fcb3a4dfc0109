"""The operator's settings, read once at start. An error names the invalid variable or key.

The chart writes structured settings to one JSON file (BACKFLEET_SETTINGS_FILE). Secrets are separate variables.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from backfleet.core.errors import SpecInvalid, as_sentence
from backfleet.core.spec.expectations import explain, fault, join_path
from backfleet.core.spec.quantities import SIZE_PATTERN

ENV_SETTINGS_FILE = "BACKFLEET_SETTINGS_FILE"
ENV_DATABASE_URL = "BACKFLEET_DATABASE_URL"
ENV_NAMESPACE = "BACKFLEET_NAMESPACE"

Positive = Annotated[int, Field(ge=1, le=10_000_000)]
Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]


class _Settings(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class MountSettings(_Settings):
    """A read-only volume in the engine's container; `source` is a Kubernetes volume source."""

    name: str = Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)
    mount_path: str = Field(pattern=r"^/.+")
    source: dict[str, Any]
    sub_path: str | None = None


class WarmSettings(_Settings):
    """Several backtests of a Job in one process of the engine: one in `check` of them is compared with a fresh run.

    A process ends after `members` backtests, or when it has more than `memory_mebibytes` resident.
    """

    enabled: bool = True
    check: int = Field(default=20, ge=1, le=1_000)
    members: int = Field(default=50, ge=1, le=1_000)
    memory_mebibytes: int = Field(default=1_400, ge=100, le=1_000_000)


class EngineImageSettings(_Settings):
    """One engine's image and its container's requests.

    Each of `writable_paths` gets an empty volume, for an image that writes to other folders than /results and /tmp. An engine
    may have `pack_seconds` of its own. Without `warm` every backtest has a process of its own.
    """

    image: str = Field(min_length=1)
    image_pull_policy: str = "IfNotPresent"
    requests: dict[str, str] = Field(default_factory=lambda: {"cpu": "100m", "memory": "128Mi"})
    mounts: tuple[MountSettings, ...] = ()
    writable_paths: tuple[Annotated[str, Field(pattern=r"^/.+")], ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    security_context: dict[str, Any] = Field(default_factory=dict)
    pack_seconds: int | None = Field(default=None, ge=1, le=3_600)
    warm: WarmSettings | None = None


class RecorderSettings(_Settings):
    """The recorder's container: Backfleet's image, and the Secret with its database URL."""

    image: str = Field(min_length=1)
    image_pull_policy: str = "IfNotPresent"
    secret_name: str = Field(min_length=1)
    secret_key: str = "recorder-url"  # noqa: S105 - the name of a key, not a secret
    patience_seconds: Positive = 900
    start_seconds: Positive = 300


class PodSettings(_Settings):
    """The settings that all backtests' pods share."""

    service_account_name: str = "default"
    image_pull_secrets: tuple[str, ...] = ()
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[dict[str, Any], ...] = ()
    priority_class_name: str | None = None
    termination_grace_seconds: Positive = 10
    pack_seconds: int = Field(default=10, ge=1, le=300)
    results_size_limit: str = Field(default="256Mi", pattern=SIZE_PATTERN)
    run_as_user: Positive = 10001
    limits: dict[str, str] = Field(default_factory=lambda: {"cpu": "1", "memory": "2Gi"})
    recorder_limits: dict[str, str] = Field(default_factory=lambda: {"cpu": "1", "memory": "256Mi"})


class CeilingSettings(_Settings):
    """The most seconds that a batch may request; `core.spec.ceilings` explains why finished Jobs have a day."""

    ttl_seconds_after_finished: int = Field(default=86_400, ge=60, le=31_536_000)
    start_timeout_seconds: int = Field(default=3_600, ge=1, le=86_400)
    backtest_timeout_seconds: int = Field(default=86_400, ge=1, le=604_800)


class Settings(_Settings):
    """All settings. `installation` identifies this operator's rows in a shared database; `namespaces` are watched."""

    installation: str = Field(min_length=1, max_length=200)
    namespaces: tuple[Namespace, ...] = Field(min_length=1, max_length=100)
    max_concurrent: Positive = 4
    max_combinations: Positive = 1_000_000
    tick_seconds: float = Field(default=15.0, gt=0, le=300)
    pass_seconds: float = Field(default=60.0, gt=0, le=600)
    result_grace_seconds: Positive = 30
    missing_seconds: Positive = 60
    room_timeout_seconds: Positive = 3_600
    never_started_attempts: Positive = 3
    health_port: int = Field(default=8080, ge=1, le=65535)
    image_prefixes: tuple[str, ...] = ()
    volume_claims: tuple[str, ...] = ()
    ceilings: CeilingSettings = CeilingSettings()
    engines: dict[str, EngineImageSettings]
    recorder: RecorderSettings
    pods: PodSettings = PodSettings()

    def has_mount(self, engine: str, name: str) -> bool:
        """Report whether the engine is configured with a mount of that name."""
        return engine in self.engines and any(mount.name == name for mount in self.engines[engine].mounts)

    @field_validator("namespaces")
    @classmethod
    def _are_different(cls, namespaces: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(namespaces)) < len(namespaces):
            raise fault("expected different namespaces, got one of them twice", "list each namespace once")
        return namespaces


def load_settings(environment: Mapping[str, str]) -> tuple[Settings, str]:
    """Read the settings and the database URL. SpecInvalid names the invalid variable or key, and the fix."""
    path = environment.get(ENV_SETTINGS_FILE)
    if not path:
        problem = "expected the path of the operator's settings, got nothing"
        raise SpecInvalid(ENV_SETTINGS_FILE, problem, "set it to a JSON file")
    url = environment.get(ENV_DATABASE_URL)
    if not url:
        raise SpecInvalid(ENV_DATABASE_URL, "expected the operator's Postgres URL, got nothing", "set it")
    try:
        body = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpecInvalid(ENV_SETTINGS_FILE, f"expected a JSON file: {error}", f"fix {path}") from error
    if isinstance(body, dict) and "namespaces" not in body and environment.get(ENV_NAMESPACE):
        body["namespaces"] = [environment[ENV_NAMESPACE]]
    try:
        return Settings.model_validate(body), url
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem, hint = explain(first)
        where = join_path(first["loc"]) or "settings"
        raise SpecInvalid(where, problem, f"{as_sentence(hint)} The file is {path} (the chart's values)") from error

"""Which kind of cluster serves: one named by the user, kind, or one from Debian packages."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import Layout
from hack.cluster.progress import ClusterError

CONTEXT, KIND, HERMETIC = "context", "kind", "hermetic"
PROVIDERS = (CONTEXT, KIND, HERMETIC)
WITHOUT_ROOT = """\
the hermetic cluster needs root: it makes namespaces, a network interface and control groups,
and installs Debian packages. Run it as root (sudo -E make ...), or
  - name a cluster that you have:  --context CONTEXT  or  BACKFLEET_CONTEXT=CONTEXT
  - have `kind` on PATH and a Docker engine that answers
Without root and without a cluster: `make check` and every test below tests/e2e run as they are."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the machine offers, as far as the choice depends on it."""

    context: str | None
    has_kind: bool
    has_docker: bool
    user_id: int
    system: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider and why it was taken."""

    provider: str
    reason: str
    context: str | None = None


class Provider(Protocol):
    """One cluster; every method may be repeated."""

    kubectl: Kubectl
    layout: Layout

    def up(self) -> None: ...

    def down(self) -> None: ...

    def status(self) -> dict[str, object]: ...

    def load_archive(self, archive: Path) -> None: ...

    def build_images(self, root: Path, *, for_tests: bool = False) -> dict[str, str]:
        """Build and load what the cluster lacks; target to image reference."""
        ...

    def alive_record(self) -> Path | None:
        """The file that names the cluster's process, where there is one."""
        ...


def choose_provider(seen: Surroundings, earlier: Choice | None = None) -> Choice:
    """`earlier` is what an `up` of the same name took: a cluster stays with its provider."""
    if earlier:
        if seen.context and seen.context != earlier.context:
            owner = f"context {earlier.context!r}" if earlier.context else f"provider {earlier.provider}"
            raise ClusterError(
                f"the cluster of this name is of {owner}, not of context {seen.context!r}: "
                "take it down first with no other context named, or give another --name"
            )
        return replace(earlier, reason="as before")
    if seen.context:
        return Choice(CONTEXT, f"context {seen.context!r} was named; it is used as it is", seen.context)
    if seen.has_kind and seen.has_docker:
        return Choice(KIND, "`kind` is there and a Docker engine answers")
    missing = "no `kind` on PATH" if not seen.has_kind else "no Docker engine answers"
    return Choice(HERMETIC, f"no context was named and {missing}: a Kubernetes from Debian packages")


def remembered_choice(layout: Layout) -> Choice | None:
    file = layout.state / "provider.json"
    return Choice(**json.loads(file.read_text())) if file.exists() else None


def remember_choice(layout: Layout, choice: Choice) -> None:
    layout.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    (layout.state / "provider.json").write_text(json.dumps(asdict(choice)))


def refuse_unfit(seen: Surroundings) -> None:
    """Say at once what the hermetic provider lacks here."""
    if seen.user_id != 0:
        raise ClusterError(WITHOUT_ROOT)
    if seen.system != "debian 12":
        raise ClusterError(
            f"the hermetic cluster is made from Debian 12's packages, this is {seen.system}; "
            "name a cluster with --context, or have kind and a Docker engine"
        )


def look_around(context: str | None, environment: Mapping[str, str]) -> Surroundings:
    has_kind = shutil.which("kind") is not None
    return Surroundings(
        context=context or environment.get("BACKFLEET_CONTEXT") or None,
        has_kind=has_kind,
        has_docker=has_kind and _docker_answers(),
        user_id=os.geteuid(),
        system=parse_system(Path("/etc/os-release").read_text()),
    )


def parse_system(os_release: str) -> str:
    """`debian 12` from /etc/os-release."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    return " ".join(fields.get(key, "").strip('"') for key in ("ID", "VERSION_ID")).strip()


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0

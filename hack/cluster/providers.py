"""Chooses the kind of cluster: one that the user named, kind, or one from Debian packages."""

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
WITHOUT_ROOT = """\
the hermetic cluster needs root: it makes namespaces, a network interface and control groups,
and installs Debian packages. Run the command as root (sudo -E make ...), or
  - name a cluster that you have:  --context CONTEXT  or  BACKFLEET_CONTEXT=CONTEXT
  - install `kind` and a Docker engine
`make check` and all tests except tests/e2e need neither root nor a cluster."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The properties of the machine that the choice depends on."""

    context: str | None
    has_kind: bool
    has_docker: bool
    user_id: int
    system: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider and the reason why it was chosen."""

    provider: str
    reason: str
    context: str | None = None


class Provider(Protocol):
    """One cluster. Every method is safe to repeat."""

    kubectl: Kubectl
    layout: Layout

    def up(self) -> None: ...

    def down(self) -> None: ...

    def status(self) -> dict[str, object]: ...

    def load_archive(self, archive: Path) -> None: ...

    def build_images(self, root: Path, *, for_tests: bool = False) -> dict[str, str]:
        """Build and load the missing images. Return the image references by target."""
        ...

    def alive_record(self) -> Path | None:
        """Return the file that records the cluster's process, if there is one."""
        ...


def choose_provider(seen: Surroundings, earlier: Choice | None = None) -> Choice:
    """Choose a provider. `earlier` is the choice of an earlier `up` with the same name; a cluster keeps its provider."""
    if earlier:
        if seen.context and seen.context != earlier.context:
            owner = f"context {earlier.context!r}" if earlier.context else f"provider {earlier.provider}"
            raise ClusterError(
                f"the cluster of this name is of {owner}, not of context {seen.context!r}; "
                "run `down` without a context first, or give another --name"
            )
        return replace(earlier, reason="as before")
    if seen.context:
        return Choice(CONTEXT, f"the user named context {seen.context!r}", seen.context)
    if seen.has_kind and seen.has_docker:
        return Choice(KIND, "`kind` is installed and a Docker engine answers")
    missing = "no `kind` on PATH" if not seen.has_kind else "no Docker engine answers"
    return Choice(HERMETIC, f"a Kubernetes from Debian packages, since no context is named and {missing}")


def remembered_choice(layout: Layout) -> Choice | None:
    file = layout.state / "provider.json"
    return Choice(**json.loads(file.read_text())) if file.exists() else None


def remember_choice(layout: Layout, choice: Choice) -> None:
    layout.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    (layout.state / "provider.json").write_text(json.dumps(asdict(choice)))


def refuse_unfit(seen: Surroundings) -> None:
    """Raise ClusterError if this machine cannot run the hermetic provider."""
    if seen.user_id != 0:
        raise ClusterError(WITHOUT_ROOT)
    if seen.system != "debian 12":
        raise ClusterError(
            f"the hermetic cluster needs Debian 12, this is {seen.system}; "
            "name a cluster with --context, or install kind and a Docker engine"
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
    """Return the system of /etc/os-release, such as `debian 12`."""
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

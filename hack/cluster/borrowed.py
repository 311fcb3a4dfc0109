"""Uses a cluster that the user named, or a cluster of kind. Both need only kubectl."""

import os
import shutil
import subprocess
from pathlib import Path

from hack.cluster.certificates import write_private
from hack.cluster.forward import end_all_forwards
from hack.cluster.images import TARGETS, TEST_TARGETS, Target, reference_of
from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import Layout
from hack.cluster.progress import ClusterError, capture, run_logged, say, step, wait_until
from hack.cluster.providers import CONTEXT, Choice, remember_choice

IMAGE_VARIABLES = {
    "backfleet": "BACKFLEET_IMAGE",
    "evaluation-postgres": "BACKFLEET_EVALUATION_POSTGRES_IMAGE",
}
TEST_IMAGE_VARIABLES = {"lean-stand-in": "BACKFLEET_LEAN_STAND_IN_IMAGE"}


class NamedContext:
    """A cluster that belongs to the user. It is never created or deleted, and no other context is touched."""

    def __init__(self, layout: Layout, context: str) -> None:
        self.layout = layout
        self.kubectl = Kubectl(layout.kubeconfig)
        self._context = context

    def up(self) -> None:
        self.layout.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        view = ["config", "view", "--minify", "--flatten", "--raw", f"--context={self._context}"]
        write_private(self.layout.kubeconfig, capture(["kubectl", *view]))
        if not self.kubectl.is_api_ready():
            raise ClusterError(
                f"the cluster of context {self._context!r} does not answer /readyz; check that it runs, "
                "or name another context"
            )
        remember_choice(self.layout, Choice(CONTEXT, "named", self._context))
        say(f"-- context {self._context!r} answers")

    def down(self) -> None:
        end_all_forwards(self.layout)
        if self.layout.state.exists():
            shutil.rmtree(self.layout.state)
        say(f"-- the cluster of context {self._context!r} is not changed; only our own files are removed")

    def status(self) -> dict[str, object]:
        is_known = self.layout.kubeconfig.exists()
        return {
            "provider": "context",
            "name": self.layout.name,
            "context": self._context,
            "ready": is_known and self.kubectl.is_api_ready(),
            "kubeconfig": str(self.layout.kubeconfig) if is_known else None,
        }

    def build_images(self, root: Path, *, for_tests: bool = False) -> dict[str, str]:
        """Return the images that the user named. They cannot be loaded into a cluster of the user."""
        variables = IMAGE_VARIABLES | (TEST_IMAGE_VARIABLES if for_tests else {})
        found = {name: os.environ.get(key, "") for name, key in variables.items()}
        missing = [variables[name] for name, reference in found.items() if not reference]
        if missing:
            others = "".join(f" and of {root / each.context / 'Dockerfile'}" for each in TEST_TARGETS if for_tests)
            raise ClusterError(
                f"build the targets of {root / 'Dockerfile'}{others}, push them to a registry of the cluster, "
                f"and name the images in {' and '.join(missing)}"
            )
        return found

    def load_archive(self, archive: Path) -> None:
        raise ClusterError(
            f"cannot load {archive} into the cluster of context {self._context!r}; push the image to a registry of it"
        )

    def alive_record(self) -> Path | None:
        return None


class KindCluster:
    """A cluster of kind with a Docker engine. It follows kind's documentation and has not been run here."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.kubectl = Kubectl(layout.kubeconfig)
        self._name = layout.node_name
        self._log = layout.logs / "kind.log"

    def _exists(self) -> bool:
        return self._name in capture(["kind", "get", "clusters"]).split()

    def up(self) -> None:
        self.layout.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._exists():
            say(f"-- kind cluster {self._name} already exists")
            written = capture(["kind", "get", "kubeconfig", "--name", self._name])
            write_private(self.layout.kubeconfig, written)
        else:
            with step(f"creating cluster {self._name} with kind", "1 to 3 min"):
                flags = ["--kubeconfig", str(self.layout.kubeconfig), "--wait", "180s"]
                run_logged(["kind", "create", "cluster", "--name", self._name, *flags], self._log)
            self.layout.kubeconfig.chmod(0o600)
        wait_until("the API answers", self.kubectl.is_api_ready, 120, self._log)
        wait_until("the default account", self._has_account, 120, self._log)

    def _has_account(self) -> bool:
        return self.kubectl.try_run(["get", "serviceaccount", "default"]).returncode == 0

    def down(self) -> None:
        end_all_forwards(self.layout)
        if self._exists():
            flags = ["--kubeconfig", str(self.layout.kubeconfig)]
            run_logged(["kind", "delete", "cluster", "--name", self._name, *flags], self._log)
        if self.layout.state.exists():
            shutil.rmtree(self.layout.state)

    def status(self) -> dict[str, object]:
        is_there = self._exists()
        return {
            "provider": "kind",
            "name": self.layout.name,
            "running": is_there,
            "ready": is_there and self.kubectl.is_api_ready(),
            "kubeconfig": str(self.layout.kubeconfig) if is_there else None,
        }

    def build_images(self, root: Path, *, for_tests: bool = False) -> dict[str, str]:
        built = {target.name: self._build(target, root) for target in TARGETS}
        if for_tests:
            built |= {each.name: self._build(each, root, built["backfleet"]) for each in TEST_TARGETS}
        return built

    def _build(self, target: Target, root: Path, product: str | None = None) -> str:
        reference = reference_of(target, root, product or "docker")
        inspected = ["docker", "image", "inspect", reference]
        if subprocess.run(inspected, capture_output=True, check=False).returncode != 0:
            with step(f"building {reference}", "1 to 3 min"):
                names = ["--target", target.name, "--tag", reference]
                base = ["--build-arg", f"{target.base_argument}={product}"] if product else []
                run_logged(["docker", "build", *names, *base, str(root / target.context)], self._log)
        with step(f"loading {reference}", "10 s"):
            load = ["kind", "load", "docker-image", reference, "--name", self._name]
            run_logged(load, self._log)
        return reference

    def load_archive(self, archive: Path) -> None:
        run_logged(["kind", "load", "image-archive", str(archive), "--name", self._name], self._log)

    def alive_record(self) -> Path | None:
        return None

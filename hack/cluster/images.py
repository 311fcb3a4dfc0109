"""Builds the repository's images for the hermetic cluster with buildah, without a daemon."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import bases, packages, pip_settings
from hack.cluster.caches import locked
from hack.cluster.dockerfile import content_tag, parse_stages, sources_of
from hack.cluster.layout import cache_home
from hack.cluster.progress import ClusterError, run_logged, step

BASES = {"BASE_IMAGE": bases.PYTHON, "POSTGRES_BASE_IMAGE": bases.POSTGRES}


@dataclass(frozen=True, slots=True)
class Target:
    """A target of a Dockerfile, with its image, its base and the folder of its context."""

    name: str
    repository: str
    base_argument: str
    context: str = "."


TARGETS = (
    Target("backfleet", "localhost/backfleet", "BASE_IMAGE"),
    Target("evaluation-postgres", "localhost/backfleet-evaluation-postgres", "POSTGRES_BASE_IMAGE"),
)

TEST_TARGETS = (
    Target("lean-stand-in", "localhost/backfleet-lean-stand-in", "PRODUCT_IMAGE", context="tests/lean_stand_in"),
)
"""Targets on top of the product's image, only for tests."""


def reference_of(target: Target, root: Path, base: str) -> str:
    """Return the image's name with a tag that depends on everything in the image."""
    folder = root / target.context
    text = (folder / "Dockerfile").read_text()
    stages = parse_stages(text)
    if target.name not in {stage.name for stage in stages}:
        raise ClusterError(f"{folder / 'Dockerfile'} has no target {target.name}")
    tag = content_tag(folder, sources_of(stages, target.name), text, base)
    return f"{target.repository}:{tag}"


class Buildah:
    """buildah with its own storage in the cache folder."""

    def __init__(self) -> None:
        has_overlay = "overlay" in Path("/proc/filesystems").read_text()
        home = cache_home() / "containers"
        self._storage = ["--root", str(home / "storage"), "--runroot", str(home / "run")]
        self._storage += ["--storage-driver", "overlay" if has_overlay else "vfs"]
        self.log = cache_home() / "logs" / "images.log"
        self.lock = home / "lock"

    def command(self, *arguments: str) -> list[str]:
        # In its own mount namespace, so that its mounts go away when it ends.
        own_mounts = ["unshare", "--mount", "--propagation", "private", "--"]
        return [*own_mounts, "buildah", *self._storage, *arguments]

    def has_image(self, reference: str) -> bool:
        command = self.command("images", "--quiet", reference)
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def build(self, *arguments: str) -> list[str]:
        flags = ["--isolation=chroot", "--layers", "--pull-never"]
        return self.command("bud", *flags, *arguments)


def build_images(root: Path, buildah: Buildah, *, for_tests: bool) -> dict[str, str]:
    """Build the images that the storage lacks. Return the image names by target."""
    packages.install(packages.IMAGES)
    built = {target.name: build_image(target, root, buildah) for target in TARGETS}
    if for_tests:
        packages.install(packages.TESTS)
        built |= {each.name: build_image(each, root, buildah, built["backfleet"]) for each in TEST_TARGETS}
    return built


def build_image(target: Target, root: Path, buildah: Buildah, product: str | None = None) -> str:
    """Build one target unless the storage has it, and return the image's name. `product` is the base of a test's image."""
    base = BASES.get(target.base_argument)
    base_reference = base.reference if base else str(product)
    with locked(buildah.lock, "images"):
        # Not before the lock: the sources may change while another build runs.
        reference = reference_of(target, root, base_reference)
        if buildah.has_image(reference):
            return reference
        if base and not buildah.has_image(base_reference):
            bases.create_base(base, buildah.build(), buildah.log)
        with step(f"building {reference}", "20 s"):
            _build_target(target, reference, root, buildah, base_reference)
    return reference


def _build_target(target: Target, reference: str, root: Path, buildah: Buildah, base_reference: str) -> None:
    settings = pip_settings.machine_settings()
    with tempfile.TemporaryDirectory(prefix="backfleet-build-") as folder:
        configuration = Path(folder) / "pip.conf"
        configuration.write_text(settings.text)
        volumes = ["--volume", f"{configuration}:/etc/pip.conf:ro"]
        if settings.certificates:
            volumes += ["--volume", f"{settings.certificates}:{pip_settings.CERTIFICATES}:ro"]
        arguments = ["--build-arg", f"{target.base_argument}={base_reference}"]
        names = ["--target", target.name, "--tag", reference]
        context = root / target.context
        file = ["--file", str(context / "Dockerfile"), str(context)]
        run_logged(buildah.build(*volumes, *arguments, *names, *file), buildah.log)


def load_images(
    references: Sequence[str],
    buildah: Buildah,
    present: set[str],
    import_archive: Callable[[Path], None],
) -> None:
    """Load each image that the cluster lacks, as an archive."""
    for reference in references:
        if reference in present:
            continue
        with (
            step(f"loading {reference}", "5 s"),
            tempfile.TemporaryDirectory(prefix="backfleet-image-", dir=cache_home()) as folder,
        ):
            archive = Path(folder) / "image.tar"
            push = ["push", reference, f"docker-archive:{archive}:{reference}"]
            run_logged(buildah.command(*push), buildah.log)
            import_archive(archive)

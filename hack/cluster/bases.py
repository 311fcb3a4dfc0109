"""Makes base images of Debian 13 from the machine's own archive, without an image registry."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import packages
from hack.cluster.layout import cache_home
from hack.cluster.progress import run_logged, step

SUITE = "trixie"
# Left out of the images: documentation, what apt can fetch again, and the compiler
# for JIT (160 MB), which Postgres does not need.
LEFT_OUT = (
    "./proc/*", "./sys/*", "./dev/*", "./run/*", "./tmp/*",
    "./var/cache/*", "./var/lib/apt/lists/*", "./var/log/*", "./var/lib/postgresql/*",
    "./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*", "./usr/share/info/*",
    "./usr/lib/*/libLLVM*", "./usr/lib/llvm*",
    "./usr/lib/postgresql/*/lib/llvmjit*", "./usr/lib/postgresql/*/lib/bitcode",
)  # fmt: skip
DOCKERFILE = """\
FROM scratch
ADD base.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
CMD ["/bin/sh"]
"""


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A base image: its name and the packages that it has in addition to the minimum."""

    name: str
    packages: tuple[str, ...]
    about: str

    @property
    def reference(self) -> str:
        recipe = "\n".join([SUITE, DOCKERFILE, *self.packages, *LEFT_OUT])
        return f"localhost/{self.name}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


PYTHON = BaseImage("backfleet-base-python", ("python3", "python3-venv", "ca-certificates"), "60 s")
POSTGRES = BaseImage("backfleet-base-postgres", ("postgresql", "ca-certificates"), "90 s")


def create_base(base: BaseImage, build: Sequence[str], log: Path) -> None:
    """Make the image with `build`, the command line of a builder that takes a tag and a folder."""
    work = cache_home() / "bases" / base.name
    tree, context = work / "tree", work / "context"
    shutil.rmtree(work, ignore_errors=True)
    context.mkdir(parents=True)
    archive = packages.machine_archive()
    downloads = cache_home() / "bases" / "downloads"
    downloads.mkdir(exist_ok=True)
    with step(f"making a Debian 13 base image with {' '.join(base.packages)}", base.about):
        run_logged(
            [
                "debootstrap",
                "--variant=minbase",
                f"--include={','.join(base.packages)}",
                f"--cache-dir={downloads}",
                f"--keyring={packages.archive_keyring(archive)}",
                SUITE,
                str(tree),
                archive.uri,
            ],
            log,
        )
        excluded = [f"--exclude={pattern}" for pattern in LEFT_OUT]
        tar = str(context / "base.tar")
        run_logged(["tar", "-C", str(tree), *excluded, "--numeric-owner", "-cf", tar, "."], log)
        (context / "Dockerfile").write_text(DOCKERFILE)
        run_logged([*build, "--tag", base.reference, str(context)], log)
    shutil.rmtree(work)

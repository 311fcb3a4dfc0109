"""Makes the image of the pods' first container from two small static programs."""

import hashlib
import os
import platform
import shutil
from pathlib import Path

from hack.cluster import packages
from hack.cluster.archives import docker_archive
from hack.cluster.caches import cached_folder
from hack.cluster.daemons import PAUSE_IMAGE
from hack.cluster.layout import cache_home
from hack.cluster.progress import run_logged, step

SOURCES = Path(__file__).parent / "pod_programs"
UNSET = ("GOPATH", "GO111MODULE", "GOFLAGS", "GOROOT", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")


def go_environment(work: Path) -> dict[str, str]:
    """Return an environment for Debian's Go without the user's settings. It downloads no modules."""
    kept = {key: value for key, value in os.environ.items() if key not in UNSET}
    return kept | {"GOCACHE": str(work / "go-cache"), "GOPROXY": "off"}


def pause_archive() -> Path:
    """Return a docker archive with /pause and /probe, compiled once per machine and source text."""
    digest = hashlib.sha256(platform.machine().encode())
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.read_bytes())
    folder = cache_home() / "programs" / digest.hexdigest()[:12]
    if not folder.exists():
        packages.install(packages.COMPILE)
    return cached_folder(folder, _compile) / "pause.tar"


def _compile(target: Path) -> None:
    log = cache_home() / "logs" / "programs.log"
    pause, probe = target / "pause", target / "probe"
    build = ["go", "build", "-ldflags=-s -w", "-o", str(probe), str(SOURCES / "probe.go")]
    with step("compiling the pods' first container", "10 s"):
        run_logged(["gcc", "-Os", "-static", "-s", "-o", str(pause), str(SOURCES / "pause.c")], log)
        run_logged(build, log, env=go_environment(target) | {"CGO_ENABLED": "0"})
    docker_archive(target / "pause.tar", PAUSE_IMAGE, {"pause": pause, "probe": probe}, ["/pause"])
    shutil.rmtree(target / "go-cache")

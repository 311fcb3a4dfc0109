"""Installs Debian packages and fetches sources with a separate apt configuration.

The machine's proxies and options apply. apt neither reads nor writes the machine's source
lists, package lists and archive cache.
"""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hack.cluster.caches import locked
from hack.cluster.layout import cache_home
from hack.cluster.progress import ClusterError, capture, run_logged, step
from hack.cluster.sources import (
    DEFAULT_KEYRING,
    PackageSource,
    archive_for,
    own_source_list,
    parse_sources,
    read_machine_sources,
)

CODENAME = "bookworm"
FRESH_SECONDS = 24 * 3600
POLICY = Path("/usr/sbin/policy-rc.d")

# A required command or file, and the package that has it.
RUNTIME = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "socat": "socat",
    "ethtool": "ethtool",
    "dnsmasq": "dnsmasq-base",
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "kubectl": "kubernetes-client",
}
COMPILE = {
    "go": "golang-go",
    "gcc": "gcc",
    "/usr/include/stdio.h": "libc6-dev",
    "make": "make",
    "rsync": "rsync",
    "jq": "jq",
    "dpkg-source": "dpkg-dev",
    "/usr/share/gocode/src/github.com/modern-go/reflect2": "golang-github-modern-go-reflect2-dev",
}
IMAGES = {"buildah": "buildah", "debootstrap": "debootstrap"}
# For the tests of the shim: without it those tests are skipped.
TESTS = {"busybox": "busybox"}


def missing_packages(wanted: Mapping[str, str]) -> list[str]:
    return sorted(
        package
        for what, package in wanted.items()
        if not (Path(what).exists() if what.startswith("/") else shutil.which(what))
    )


def machine_archive() -> PackageSource:
    """Return the Debian archive that this machine uses."""
    source = archive_for(parse_sources(read_machine_sources()), CODENAME)
    if source is None:
        raise ClusterError(
            f"/etc/apt: expected a source with suite {CODENAME} and component main, found none; "
            "configure the archive of Debian 12, or name a cluster with --context"
        )
    return source


def archive_keyring(source: PackageSource) -> str:
    """Return the keyring for debootstrap. It must also have the key of the next release, as Debian's does."""
    return DEFAULT_KEYRING if Path(DEFAULT_KEYRING).exists() else source.signed_by


def apt_options() -> list[str]:
    """Return options that give apt-get its own lists, sources and archives. Fetch the lists if they are old."""
    folder = cache_home() / "apt"
    options = [
        f"Dir::Etc::SourceList={folder}/sources.list",
        "Dir::Etc::SourceParts=/dev/null",
        f"Dir::State::Lists={folder}/lists",
        f"Dir::Cache={folder}/cache",
        "APT::Sandbox::User=root",
        "DPkg::Lock::Timeout=300",
    ]
    arguments = [word for option in options for word in ("-o", option)]
    with locked(folder / "lock", "the package lists"):
        _refresh_lists(folder, arguments)
    return arguments


def _refresh_lists(folder: Path, arguments: list[str]) -> None:
    text = own_source_list(parse_sources(read_machine_sources()), CODENAME)
    if not text:
        machine_archive()
    stamp, source_list = folder / "updated", folder / "sources.list"
    is_same = source_list.exists() and source_list.read_text() == text
    if is_same and stamp.exists() and time.time() - stamp.stat().st_mtime < FRESH_SECONDS:
        return
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    source_list.write_text(text)
    with step("fetching package lists into our own folder", "10 s"):
        run_logged(["apt-get", *arguments, "update"], cache_home() / "logs" / "apt.log")
    stamp.touch()


def install(wanted: Mapping[str, str]) -> None:
    """Install the missing packages, without starting their services."""
    missing = missing_packages(wanted)
    if not missing:
        return
    log = cache_home() / "logs" / "apt.log"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = apt_options()
    with step(f"installing Debian packages: {' '.join(missing)}", "30 s"), _no_service_starts():
        run_logged(
            ["apt-get", *options, "install", "-y", "--no-install-recommends", "--no-remove", *missing],
            log,
            env=environment,
        )
    still_missing = missing_packages(wanted)
    if still_missing:
        raise ClusterError(f"the installed packages lack {' '.join(still_missing)}", log)


@contextmanager
def _no_service_starts() -> Iterator[None]:
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def download_source(package: str, folder: Path, log: Path) -> None:
    """Fetch a source package without unpacking it."""
    run_logged(["apt-get", *apt_options(), "source", "--download-only", package], log, cwd=folder)


def source_version(package: str) -> str:
    """Return the newest version of a source package in our lists."""
    shown = capture(["apt-cache", *apt_options(), "showsrc", "--only-source", package])
    versions = [line.split()[1] for line in shown.splitlines() if line.startswith("Version:")]
    if not versions:
        raise ClusterError(f"the machine's Debian archive has no source package {package}")
    return versions[0]

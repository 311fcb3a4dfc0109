"""Compiles Kubernetes 1.20 from Debian's source package, once per machine."""

import platform
import shutil
import textwrap
from pathlib import Path

from hack.cluster import packages
from hack.cluster.caches import cached_folder
from hack.cluster.layout import cache_home
from hack.cluster.programs import go_environment
from hack.cluster.progress import ClusterError, run_logged, say, step

VERSION = ("1", "20", "2")
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
REFLECT2 = "vendor/github.com/modern-go/reflect2"
DEBIAN_GO_PATH = Path("/usr/share/gocode/src")


def kubernetes_binaries() -> Path:
    """Return the folder with the five programs. Compile them if this machine does not have them yet."""
    home = cache_home() / "kubernetes" / platform.machine()
    cached = sorted(each for each in home.glob("[!.]*") if each.is_dir())
    if cached:
        return cached[-1]
    packages.install(packages.COMPILE)
    version = packages.source_version("kubernetes")
    if f"really{'.'.join(VERSION)}" not in version:
        raise ClusterError(
            f"expected version 1.20.2 of Debian's kubernetes source, got {version}; "
            "use a Debian 12 archive, or name a cluster with --context"
        )
    key = "".join(c if c.isalnum() or c in ".-" else "_" for c in version)
    return cached_folder(home / key, _compile)


def _compile(target: Path) -> None:
    log = cache_home() / "logs" / "kubernetes-build.log"
    work = cache_home() / "kubernetes-build"
    shutil.rmtree(work, ignore_errors=True)
    tree = work / "src" / "k8s.io" / "kubernetes"
    tree.parent.mkdir(parents=True)
    with step("fetching the source of Kubernetes from Debian's archive", "5 s"):
        packages.download_source("kubernetes", work, log)
        description = next(work.glob("kubernetes_*.dsc"))
        run_logged(["dpkg-source", "--no-check", "-x", str(description), str(tree)], log)
    _replace_reflect2(tree)
    say(f"   progress: tail -f {log}")
    with step("compiling Kubernetes, once for this machine", "5 min on 2 cores"):
        _make(work, tree, log)
    for program in PROGRAMS:
        shutil.copy2(tree / "_output" / "local" / "go" / "bin" / program, target / program)
    shutil.rmtree(work)


def _replace_reflect2(tree: Path) -> None:
    # The vendored version 1.0.1 declares a runtime function as it was before Go 1.18. Built with
    # Debian's Go, the API server crashes on the first custom resource. Debian packages 1.0.2.
    vendored = tree / REFLECT2
    shutil.rmtree(vendored)
    shutil.copytree(DEBIAN_GO_PATH / REFLECT2.removeprefix("vendor/"), vendored)


def _make(work: Path, tree: Path, log: Path) -> None:
    major, minor, _ = VERSION
    version_file = work / "version"
    version_file.write_text(
        textwrap.dedent(f"""\
            KUBE_GIT_VERSION=v{".".join(VERSION)}
            KUBE_GIT_COMMIT=debian
            KUBE_GIT_TREE_STATE=archive
            KUBE_GIT_MAJOR={major}
            KUBE_GIT_MINOR={minor}
            """)
    )
    environment = go_environment(work) | {"KUBE_GIT_VERSION_FILE": str(version_file)}
    what = " ".join(f"cmd/{program}" for program in PROGRAMS)
    settings = [f"WHAT={what}", "FORCE_HOST_GO=y", "GOLDFLAGS=-s -w", "CGO_ENABLED=0"]
    run_logged(["make", "all", *settings], log, env=environment, cwd=tree)

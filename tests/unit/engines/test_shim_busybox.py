"""The shim in an image that has nothing but busybox: a pack whose members end in every way, as in an image with coreutils."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from backfleet.engines import shim
from tests.support.engines import make_request
from tests.support.packs import pack_of_all, shim_environment
from tests.support.shim_runs import ShimRun

BUSYBOX = shutil.which("busybox")
ALONE = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
IS_ROOT = shutil.which("unshare") and subprocess.run([*ALONE, "true"], check=False, capture_output=True).returncode == 0
pytestmark = [
    pytest.mark.skipif(BUSYBOX is None, reason="needs Debian's package busybox"),
    pytest.mark.skipif(not IS_ROOT, reason="needs the right to make namespaces"),
]

MEMBERS = """
look=$(ls -A /tmp | tr '\\n' ' ')
echo "sees: $look"
touch /tmp/left /tmp/.hidden
mkdir -p /tmp/folder/deep
case $BACKFLEET_PACK_FIRST in
  0) echo words >&2; cat /config.json > /results/0/config; exit 0 ;;
  1) echo bad >&2; exit 7 ;;
  2) kill -SEGV $$ ;;
  3) sleep 600 & sleep 600 ;;
  4) trap '' TERM; while :; do sleep 1; done ;;
  5) echo 'all is written' > /results/5/log.txt; sleep 600 ;;
  6) (setsid sleep 601 &); exit 0 ;;
  7) echo "left over: $(ps -o args | grep -c '^sleep 60')"; exit 0 ;;
esac
"""
CODES = [0, 7, 139, 143, 137, 137, 0, 0]
CONFIGURATION = {
    "BACKFLEET_ENGINE_CONFIG": '{"results":"\n","parameters":\n}',
    "BACKFLEET_ENGINE_CONFIG_LINES": "\n".join(f'{{"value":"{value}"}}' for value in range(len(CODES))),
    "BACKFLEET_ENGINE_CONFIG_PATH": "/config.json",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make the file system of an image with busybox, and what a container runtime puts into each."""
    assert BUSYBOX is not None
    for folder in ("bin", "dev", "proc", "results", "tmp"):
        (tmp_path / folder).mkdir()
    shutil.copy(BUSYBOX, tmp_path / "bin/busybox")
    listed = subprocess.run(["ldd", BUSYBOX], check=False, capture_output=True, text=True).stdout
    for library in re.findall(r"(/\S+)", listed):
        (tmp_path / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, tmp_path / library[1:])
    names = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout.split()
    for name in names:
        if name != "busybox":
            (tmp_path / "bin" / name).symlink_to("busybox")
    os.mknod(tmp_path / "dev/null", 0o666 | 0o020000, os.makedev(1, 3))
    (tmp_path / "dev/fd").symlink_to("/proc/self/fd")
    return tmp_path


def run(root: Path, **more: str) -> ShimRun:
    pack = pack_of_all(make_request("Noop"), *({"value": str(value)} for value in range(len(CODES))))
    results = root / "results"
    given = shim_environment(pack, Path("/results"), 4) | {"BACKFLEET_SCRATCH_PATHS": "/tmp"}
    environment = {"PATH": "/bin", **given, "BACKFLEET_TERMINATION_LOG": "/dev/termination-log", **more}
    inside = ["/bin/sh", "-c", 'mount -t proc proc /proc && exec "$@"', "enter"]
    words = [*ALONE, "--root", str(root), *inside, *shim.command(("/bin/sh", "-c", MEMBERS))]
    which = shutil.which("unshare")
    assert which is not None
    done = subprocess.run(
        [which, *words[1:]], env=environment, check=True, timeout=120, stdout=subprocess.PIPE, text=True
    )
    return ShimRun(results, len(CODES), done.stdout)


def test_every_member_ends_as_in_any_other_image(root: Path) -> None:
    pack = run(root, **CONFIGURATION, BACKFLEET_DONE_FILE="log.txt", BACKFLEET_DONE_TEXT="all is written")
    assert (pack.begun, pack.codes) == (len(CODES), CODES)
    assert [position for position, each in enumerate(pack.reports) if each.is_timeout] == [3, 4]
    assert [position for position, each in enumerate(pack.reports) if each.is_ended] == [5]
    assert [pack.words(position) for position in (0, 1)] == ["words\n", "bad\n"]
    assert (root / "results/0/config").read_text() == '{"results":"/results/0","parameters":{"value":"0"}}'
    said = pack.output.splitlines()
    assert [line for line in said if line.startswith("sees:")] == ["sees: "] * len(CODES)
    assert [line for line in said if line.startswith("==")] == [
        f"== backtest {position}, attempt 1 ({position + 1} of {len(CODES)})" for position in range(len(CODES))
    ]
    assert "left over: 0" in said
    assert (root / "dev/termination-log").read_text() == ""
    assert all(each.started_at and each.finished_at and each.ran_seconds is not None for each in pack.reports)


def test_no_further_member_begins_once_the_time_is_over(root: Path) -> None:
    pack = run(root, BACKFLEET_PACK_SECONDS="1")
    assert pack.begun is not None
    assert 1 <= pack.begun < len(CODES)
    assert pack.codes[pack.begun :] == [None] * (len(CODES) - pack.begun)

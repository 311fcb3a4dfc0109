"""Reads where an installed release keeps its results, and follows the documented way to a volume."""

import itertools
import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

from hack.local import RELEASE, REPOSITORY, LocalBackfleet
from tests.support.live import Live

PAGE = REPOSITORY / "docs" / "deployment.md"
MOVE = "## Move the evaluation Postgres to a volume"
COMMAND_SECONDS = 120
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def claims(place: Live) -> list[tuple[str, str, str]]:
    """Return name, phase and size of every claim."""
    found = json.loads(place.kubectl("get", "pvc", "-o", "json").stdout)["items"]
    return [
        (each["metadata"]["name"], each["status"]["phase"], each["spec"]["resources"]["requests"]["storage"])
        for each in found
    ]


def health(place: Live) -> dict[str, Any]:
    """Return `/health` of the release's API, through the API server."""
    path = f"/api/v1/namespaces/{place.namespace}/services/{RELEASE}-api:8230/proxy/health"
    body: dict[str, Any] = json.loads(place.kubectl("get", "--raw", path).stdout)
    return body


def status_warnings(place: Live, batch: str) -> str:
    """Return what `backfleet status` says in addition to the batch."""
    return place.kubectl("exec", f"deployment/{RELEASE}-api", "--", "backfleet", "status", batch).stderr


def move_by_the_docs(local: LocalBackfleet, place: Live, images: dict[str, str], values: tuple[str, ...]) -> list[str]:
    """Run the commands of the page in their order, in this place. Return the chart's notes of every upgrade."""
    notes: list[str] = []
    reused: dict[str, str] = {}
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"move-{place.namespace}"
    folder.mkdir(exist_ok=True)
    for command in documented_commands():
        words = shlex.split(command)
        if words[:2] == ["helm", "upgrade"]:
            sets = [word for before, word in itertools.pairwise(words) if before == "--set"]
            reused |= {key: value for key, _, value in (each.partition("=") for each in sets)}
            notes.append(local.install(images, *values, *(f"{key}={value}" for key, value in reused.items())))
            continue
        assert words[0] == "kubectl", command
        here = command.replace(" -n lab ", f" -n {place.namespace} ")
        done = subprocess.run(
            ["sh", "-euc", here], cwd=folder, env=place.environment, capture_output=True, text=True, check=False,
            timeout=COMMAND_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"{here}: {done.stderr}"
    return notes


def documented_commands() -> list[str]:
    section = PAGE.read_text(encoding="utf-8").partition(MOVE)[2].partition("\n## ")[0]
    blocks = re.findall(r"^```sh [\w-]+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]

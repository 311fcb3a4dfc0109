"""Passes the machine's pip settings to a build without leaving them in the image."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CERTIFICATES = "/run/backfleet-certificates"
HANDED_ON = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")


@dataclass(frozen=True, slots=True)
class PipSettings:
    """The text of a pip.conf for the build, and the folder of the CA bundle it names."""

    text: str
    certificates: Path | None


def parse_listed(listed: str) -> dict[str, str]:
    """Parse the output of `pip config list`. The environment takes precedence over files, as in pip."""
    found: dict[str, str] = {}
    lines = [line for line in listed.splitlines() if "=" in line]
    for line in sorted(lines, key=lambda each: each.startswith(":env:")):
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = value.strip().strip("'\"")
    return found


def build_settings(settings: Mapping[str, str]) -> PipSettings:
    """Keep only settings that make sense in another root, such as addresses, but not this machine's paths."""
    lines = ["[global]"]
    for key in HANDED_ON:
        words = [w for w in settings.get(key, "").split() if not w.startswith(("file:", "/"))]
        if words:
            lines.append(f"{key} = {' '.join(words)}")
    bundle = settings.get("cert")
    folder = None
    if bundle and Path(bundle).is_file():
        folder = Path(bundle).resolve().parent
        lines.append(f"cert = {CERTIFICATES}/{Path(bundle).resolve().name}")
    return PipSettings("\n".join(lines) + "\n", folder)


def machine_settings() -> PipSettings:
    command = [sys.executable, "-m", "pip", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return build_settings(parse_listed(done.stdout))
    # A Python without pip: only the environment has settings.
    prefix = "PIP_"
    environment = {
        key.removeprefix(prefix).lower().replace("_", "-"): value
        for key, value in os.environ.items()
        if key.startswith(prefix)
    }
    return build_settings(environment)

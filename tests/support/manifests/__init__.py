"""Bad manifests as files: `refused/` by the API server's schema, `invalid/` by the operator alone.

Each begins with `# field: PATH`; the invalid ones also with `# hint: WORDS` that the message must hold. Older API servers
leave list indexes out of their paths, so the paths of the refused ones have none: drop `[n]` from a message to compare.
Apply them with `kubectl apply --validate=false`, so that the server is the one to validate.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class BadManifest:
    """One file with what its header promises."""

    path: Path
    field: str
    hint: str
    body: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.stem


def refused_manifests() -> list[BadManifest]:
    """Return those that the schema refuses."""
    return _manifests("refused")


def invalid_manifests() -> list[BadManifest]:
    """Return those that the schema accepts and the operator refuses."""
    return _manifests("invalid")


def _manifests(kind: str) -> list[BadManifest]:
    return [_manifest(path) for path in sorted((FOLDER / kind).glob("*.yaml"))]


def _manifest(path: Path) -> BadManifest:
    text = path.read_text(encoding="utf-8")
    header = dict(line[2:].split(": ", 1) for line in text.splitlines() if line.startswith("# "))
    return BadManifest(path=path, field=header["field"], hint=header.get("hint", ""), body=yaml.safe_load(text))

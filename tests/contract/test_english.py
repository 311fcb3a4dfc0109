"""Texts that a person reads avoid words that need decoding; docs/development.md lists them."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "development.md"
FOLDERS = ("operator", "api", "hack", "helm", "crds", "manifests", "configs", "docs")
ENDINGS = {".py", ".md", ".yaml", ".tpl", ".txt", ".sql", ".sh"}
HISTORY = ("docs/adr/", "CHANGELOG.md")


def words() -> dict[str, str]:
    """Read the list in docs/development.md: the pattern to avoid, and what to write."""
    section = PAGE.read_text(encoding="utf-8").split("## English", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^- `([^`]+)`: (.+)$", section, re.MULTILINE)
    return dict(rows)


def texts() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *FOLDERS, "*.md"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout.splitlines()
    found = [ROOT / name for name in listed if not name.startswith(HISTORY)]
    return [path for path in found if path.suffix in ENDINGS and path.is_file()]


@pytest.mark.parametrize("pattern", words(), ids=str)
def test_a_word_to_avoid_is_nowhere(pattern: str) -> None:
    avoided = re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if avoided.search(line) and not line.startswith("- `")
    ]
    assert found == [], f"write: {words()[pattern]}"


def test_the_list_is_not_empty_and_would_find_a_word() -> None:
    assert len(words()) >= 5
    assert len(texts()) > 200
    assert any(re.search(rf"\b(?:{pattern})\b", "judge it anew", re.IGNORECASE) for pattern in words())

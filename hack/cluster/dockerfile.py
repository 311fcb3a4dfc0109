"""Finds the files of the repository that go into a Dockerfile's target, and hashes them to a tag.

It understands FROM, COPY and ADD with plain paths, as in the repository's Dockerfile. For any
other form, the whole folder counts.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

IGNORED_FOLDERS = {"__pycache__", ".git"}
TAG_LENGTH = 12


@dataclass(slots=True)
class Stage:
    """One FROM: what it builds on and what it copies from the repository."""

    name: str
    parents: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)


def parse_stages(text: str) -> list[Stage]:
    stages: list[Stage] = []
    for line in _instructions(text):
        word, _, rest = line.partition(" ")
        words = rest.split()
        if word.upper() == "FROM":
            plain = [each for each in words if not each.startswith("--")]
            name = plain[2] if len(plain) == 3 and plain[1].upper() == "AS" else str(len(stages))
            stages.append(Stage(name, [plain[0]]))
        elif word.upper() in ("COPY", "ADD") and stages:
            _add_copy(stages[-1], words)
    return stages


def _add_copy(stage: Stage, words: list[str]) -> None:
    flags = [each for each in words if each.startswith("--")]
    plain = [each for each in words if not each.startswith("--")]
    origin = next((each.removeprefix("--from=") for each in flags if "--from=" in each), None)
    if origin:
        stage.parents.append(origin)
    elif plain and plain[0].startswith("["):
        stage.sources.append(".")  # the JSON form
    else:
        stage.sources += plain[:-1]


def _instructions(text: str) -> Iterator[str]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\[ \t]*\n", " ", "\n".join(lines))
    yield from (line.strip() for line in joined.splitlines() if line.strip())


def sources_of(stages: list[Stage], target: str) -> list[str]:
    """Return the sorted repository paths that `target` and every stage below it copy."""
    by_name = {stage.name: stage for stage in stages}
    found: set[str] = set()
    open_names, seen = [target], set[str]()
    while open_names:
        name = open_names.pop()
        stage = by_name.get(name)
        if name in seen or stage is None:
            continue
        seen.add(name)
        found.update(stage.sources)
        open_names += stage.parents
    return sorted(found)


def content_tag(root: Path, sources: Iterable[str], *others: str) -> str:
    """Hash the files' names, modes and bytes, and `others`, to twelve hex digits."""
    digest = hashlib.sha256()
    for other in others:
        digest.update(f"{len(other)}:{other}".encode())
    for file in sorted({file for source in sources for file in _files(root, source)}):
        content = file.read_bytes()
        is_executable = bool(file.stat().st_mode & 0o100)
        name = file.relative_to(root).as_posix()
        digest.update(f"\0{name}\0{is_executable}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:TAG_LENGTH]


def _files(root: Path, source: str) -> Iterator[Path]:
    for start in root.glob(source.strip("/")) if source.strip("./") else [root]:
        candidates = [start] if start.is_file() else start.rglob("*")
        for each in candidates:
            is_ignored = IGNORED_FOLDERS.intersection(each.relative_to(root).parts)
            if each.is_file() and not is_ignored and each.suffix != ".pyc":
                yield each

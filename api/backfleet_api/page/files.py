"""The files of the page: which there are, their types, and a tag of their content. Each is read once."""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
VENDOR = FOLDER / "vendor"
VENDOR_PREFIX = "vendor"
FIRST_LIBRARY = "vendor/preact.js"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


class PageFile(NamedTuple):
    """A file in memory. `tag` is an ETag: equal for equal content."""

    content: bytes
    media_type: str
    tag: str


class PageFiles:
    """The files below `static`, and below `vendor` the libraries, which `make vendor` fetches: the repository has none.

    All are listed at once, so that the path of a request never reaches the file system.
    """

    def __init__(self, static: Path = STATIC, vendor: Path = VENDOR) -> None:
        self._paths = {str(name): path for name, path in _listed(("", static), (VENDOR_PREFIX, vendor))}
        self._read: dict[str, PageFile] = {}

    @property
    def is_complete(self) -> bool:
        """Whether the libraries are here."""
        return FIRST_LIBRARY in self._paths

    def find(self, name: str) -> PageFile | None:
        """Return a file of the page by its path, or None."""
        if name in self._paths and name not in self._read:
            path = self._paths[name]
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            self._read[name] = PageFile(content, TYPES[path.suffix], tag)
        return self._read.get(name)


def _listed(*folders: tuple[str, Path]) -> Iterator[tuple[PurePosixPath, Path]]:
    for prefix, folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in TYPES and path.is_file():
                yield PurePosixPath(prefix, *path.relative_to(folder).parts), path

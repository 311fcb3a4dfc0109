"""Fetches the libraries of the page with `npm pack`, checks their hashes, and puts their files where the API serves them.

The repository has none of these files. Archives are kept in the cache folder, so that a machine fetches each once.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from hack.cluster.caches import locked  # noqa: E402 - after the path
from hack.cluster.layout import cache_home  # noqa: E402 - after the path

LIST = ROOT / "hack" / "vendor.txt"
FOLDER = ROOT / "api" / "backfleet_api" / "page" / "vendor"
PACK_SECONDS = 120
FILES = {
    "preact": {"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "hooks.js"},
    "htm": {"dist/htm.mjs": "htm.js"},
    "uplot": {"dist/uPlot.esm.js": "uplot.js", "dist/uPlot.min.css": "uplot.css"},
}
LICENCE = "LICENSE"
BARE_IMPORT, RELATIVE_IMPORT = 'from"preact"', 'from"./preact.js"'


class VendorError(Exception):
    """A library could not be fetched, or is not the one that the list names."""


@dataclass(frozen=True, slots=True)
class Library:
    """A line of the list."""

    name: str
    version: str
    sha256: str
    licence: str

    @property
    def archive(self) -> str:
        return f"{self.name}-{self.version}.tgz"


def parse_list(text: str) -> list[Library]:
    """Parse the list of libraries."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [Library(*line.split()) for line in lines]


def fetch(library: Library, cache: Path) -> bytes:
    """Return the archive from the cache, or else from npm. Raise VendorError if its hash is not that of the list."""
    kept = cache / library.archive
    if not kept.exists():
        _pack(library, kept)
    content = kept.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != library.sha256:
        kept.unlink()
        raise VendorError(f"{library.archive}: expected sha256 {library.sha256}, got {found}. See {LIST.name}.")
    return content


def _pack(library: Library, kept: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="backfleet-vendor-") as folder:
        command = ["npm", "pack", "--silent", "--ignore-scripts", f"{library.name}@{library.version}"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=PACK_SECONDS)
        except FileNotFoundError as error:
            raise VendorError("npm is missing: install nodejs and npm, then run make vendor") from error
        except subprocess.SubprocessError as error:
            reason = str(getattr(error, "stderr", "") or error).strip()[-500:]
            raise VendorError(f"npm pack of {library.name} {library.version} failed: {reason}") from error
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial")
        shutil.copyfile(Path(folder) / library.archive, partial)
        partial.replace(kept)


def unpack(library: Library, archive: Path, folder: Path) -> str:
    """Write the files of a library that the page uses. Return its licence."""
    with tarfile.open(archive) as packed:

        def read(name: str) -> str:
            member = packed.extractfile(f"package/{name}")
            assert member is not None, name
            return member.read().decode()

        for name, target in FILES[library.name].items():
            lines = [line for line in read(name).splitlines() if not line.startswith("//# sourceMappingURL")]
            text = "\n".join(lines).replace(BARE_IMPORT, RELATIVE_IMPORT)
            (folder / target).write_text(text + "\n")
        return f"{library.name} {library.version} ({library.licence})\n\n{read(LICENCE).strip()}\n"


def fill(target: Path = FOLDER, cache: Path | None = None) -> None:
    """Fill the folder of libraries if it is not what the list asks for. Raise VendorError if one cannot be had."""
    text = LIST.read_text()
    stamp = hashlib.sha256(text.encode() + Path(__file__).read_bytes()).hexdigest()
    kept = cache or cache_home() / "vendor"
    with locked(kept / "lock", "the libraries of the page"):
        if (target / "stamp").is_file() and (target / "stamp").read_text() == stamp:
            return
        libraries = parse_list(text)
        for library in libraries:
            fetch(library, kept)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        licences = [unpack(library, kept / library.archive, target) for library in libraries]
        (target / "licences.txt").write_text(("\n" + "-" * 72 + "\n\n").join(licences))
        (target / "stamp").write_text(stamp)


def fill_or_explain() -> None:
    """Fill the folder. If that is not possible, say that an image is built without the page."""
    try:
        fill()
    except (VendorError, OSError) as error:
        print(f"-- no page in the image: {error}. Run make vendor where npm works.", file=sys.stderr)


def main() -> int:
    """Fill the folder, and return the exit code."""
    try:
        fill()
    except VendorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

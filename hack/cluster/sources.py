"""Reads the machine's apt configuration: which Debian mirrors it uses and which keys it trusts.

It turns text into values, without I/O. The repository itself never has the addresses.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True, slots=True)
class PackageSource:
    """One archive: an address, its suites and components, and the keyring that signs it."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""


def parse_sources(files: Mapping[str, str]) -> list[PackageSource]:
    """Parse the enabled binary sources of files, given as text by file name, in apt's order."""
    found: list[PackageSource] = []
    for name in sorted(files, key=lambda each: (each != "sources.list", each)):
        if name.endswith(".sources"):
            found += parse_deb822(files[name])
        elif name.endswith(".list"):
            found += parse_one_line(files[name])
    return found


def parse_one_line(text: str) -> list[PackageSource]:
    """Parse the one-line form: `deb [options] uri suite components`."""
    pattern = re.compile(r"^\s*deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<rest>[^#]+)")
    found = []
    for line in text.splitlines():
        match = pattern.match(line)
        if not match:
            continue
        words = match["rest"].split()
        if len(words) >= 2:
            signed_by = re.search(r"signed-by=(\S+)", match["options"] or "", re.IGNORECASE)
            found.append(
                PackageSource(
                    uri=words[0],
                    suites=(words[1],),
                    components=tuple(words[2:]),
                    signed_by=signed_by[1] if signed_by else "",
                )
            )
    return found


def parse_deb822(text: str) -> list[PackageSource]:
    """Parse the stanza form, with comments and folded lines as apt reads them."""
    found = []
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields = _fields(stanza)
        is_enabled = fields.get("enabled", "yes").lower() not in ("no", "false", "0")
        if "deb" not in fields.get("types", "").split() or not is_enabled:
            continue
        signed_by = fields.get("signed-by", "")
        found += [
            PackageSource(
                uri=uri,
                suites=tuple(fields.get("suites", "").split()),
                components=tuple(fields.get("components", "").split()),
                # A key in the stanza itself is not a path.
                signed_by=signed_by if signed_by.startswith("/") else "",
            )
            for uri in fields.get("uris", "").split()
        ]
    return found


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    key = ""
    for line in stanza.splitlines():
        if line[:1].isspace():
            fields[key] = f"{fields.get(key, '')} {line.strip()}".strip()
        elif ":" in line:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = value.strip()
    return fields


def archive_for(sources: Iterable[PackageSource], codename: str) -> PackageSource | None:
    """Return the machine's main Debian archive: the first source with `codename` and `main`, or None."""
    for source in sources:
        if codename in source.suites and "main" in source.components:
            return source
    return None


def own_source_list(sources: Iterable[PackageSource], codename: str) -> str:
    """Return one-line entries, for binaries and sources, for every Debian suite that the machine uses."""
    lines = []
    for source in sources:
        keyring = source.signed_by or DEFAULT_KEYRING
        for suite in source.suites:
            is_ours = suite == codename or suite.startswith(f"{codename}-")
            if is_ours and "main" in source.components:
                entry = f"[signed-by={keyring}] {source.uri} {suite} main"
                lines += [f"deb {entry}", f"deb-src {entry}"]
    return "".join(line + "\n" for line in dict.fromkeys(lines))


def read_machine_sources(folder: Path = Path("/etc/apt")) -> dict[str, str]:
    """Read the machine's source files: text by file name, for `parse_sources`."""
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    return {file.name: file.read_text() for file in files if file.is_file()}

"""Fetching the libraries of the page, from archives that are in the cache already."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from hack.vendor import Library, VendorError, fetch, unpack


def pack(files: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return target.getvalue()


def library(content: bytes, name: str = "preact") -> Library:
    return Library(name, "1.0.0", hashlib.sha256(content).hexdigest(), "MIT")


def test_an_archive_with_another_hash_is_refused_and_not_kept(tmp_path: Path) -> None:
    wanted = library(b"what was reviewed")
    (tmp_path / wanted.archive).write_bytes(b"something else")
    with pytest.raises(VendorError, match="expected sha256"):
        fetch(wanted, tmp_path)
    assert not (tmp_path / wanted.archive).exists()


def test_a_kept_archive_needs_no_network(tmp_path: Path) -> None:
    wanted = library(b"what was reviewed")
    (tmp_path / wanted.archive).write_bytes(b"what was reviewed")
    assert fetch(wanted, tmp_path) == b"what was reviewed"


def test_only_the_bare_import_is_rewritten_and_the_licence_is_kept(tmp_path: Path) -> None:
    files = {
        "dist/preact.mjs": "export{a as options};\n//# sourceMappingURL=preact.mjs.map",
        "hooks/dist/hooks.mjs": 'import{options as n}from"preact";var t;',
        "LICENSE": "The MIT License\n",
    }
    content = pack(files)
    archive = tmp_path / "archive.tgz"
    archive.write_bytes(content)
    licence = unpack(library(content), archive, tmp_path)
    assert (tmp_path / "preact.js").read_text() == "export{a as options};\n"
    assert (tmp_path / "hooks.js").read_text() == 'import{options as n}from"./preact.js";var t;\n'
    assert licence == "preact 1.0.0 (MIT)\n\nThe MIT License\n"

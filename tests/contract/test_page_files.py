"""The page's sources: short files, relative addresses, imports that exist, and nobody else's code."""

import re
from pathlib import Path, PurePosixPath

import pytest

from backfleet_api.page.files import STATIC
from hack.vendor import FILES, LIST, parse_list

MOST_LINES = 300
SCRIPTS = sorted(STATIC.rglob("*.js"))
TEXTS = sorted(path for path in STATIC.rglob("*") if path.is_file())
IMPORT = re.compile(r'^(?:import|export)\b[^;]*?\bfrom "([^"]+)";$', re.MULTILINE)
LIBRARIES = {target for files in FILES.values() for target in files.values()}


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(STATIC)) for path in paths]


@pytest.mark.parametrize("path", TEXTS, ids=names(TEXTS))
def test_a_file_is_short_and_names_no_other_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)\S+", text) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=names(SCRIPTS))
def test_every_import_of_a_script_is_a_file_of_the_page(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("/**"), "a module begins with what it is for"
    found = IMPORT.findall(text)
    assert len(found) == len(re.findall(r"^import\b", text, re.MULTILINE)) + len(
        re.findall(r"^export \{.*from", text, re.MULTILINE)
    )
    for address in found:
        assert address.startswith("."), address
        target = (path.parent / address).resolve()
        is_library = PurePosixPath(address).parent.name == "vendor" and target.name in LIBRARIES
        assert is_library or target in SCRIPTS, address


def test_nothing_is_inline() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=", page) == []
    assert len(re.findall("<script ", page)) == 2


def test_no_script_makes_code_or_markup_of_text() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    assert re.findall(r"innerHTML|dangerouslySetInnerHTML|\beval\(|new Function|document\.write", text) == []


def test_the_list_of_libraries_has_a_version_a_hash_and_a_licence_for_each() -> None:
    libraries = parse_list(LIST.read_text(encoding="utf-8"))
    assert {each.name for each in libraries} == set(FILES)
    for each in libraries:
        assert re.fullmatch(r"\d+\.\d+\.\d+", each.version)
        assert re.fullmatch("[0-9a-f]{64}", each.sha256)
        assert each.licence in ("MIT", "Apache-2.0")

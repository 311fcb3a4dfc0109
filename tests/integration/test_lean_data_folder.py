"""The preparation of LEAN's data folder, run by a shell in place of LEAN's image."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from backfleet.engines.lean.data_folder import SCRIPT

TOOLS = ("sh", "echo", "ls", "grep", "sort", "tail", "head", "mkdir", "ln", "cp")
"""What an image without unzip has."""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_zip(path: Path, **entries: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in entries.items():
            archive.writestr(f"{name}.csv", text)


def run(folder: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Prepare, then print the arguments that LEAN would get."""
    words = [str(folder / "data"), str(folder / "links"), "echo", "--config", "x"]
    environment = None if path is None else {"PATH": path}
    return subprocess.run(
        [shutil.which("sh") or "/bin/sh", "-c", SCRIPT, "lean-data", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )


def tree(folder: Path) -> dict[str, str]:
    """Return every file below a folder through all links, and its text."""
    files = [Path(place) / name for place, _, names in os.walk(folder, followlinks=True) for name in names]
    return {str(path.relative_to(folder)): path.read_text() for path in files if path.suffix == ".csv"}


def usual_folder(folder: Path) -> Path:
    data = folder / "data"
    write(data / "market-hours/hours.csv", "hours")
    write(data / "equity/europe/daily/x.csv", "x")
    write(data / "equity/usa/daily/a.csv", "bars")
    write(data / "equity/usa/factor_files/plain.csv", "plain")
    return data


@pytest.fixture(params=["unzip", "python"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    if request.param == "unzip":
        if shutil.which("unzip") is None:
            pytest.skip("unzip is not installed here")
        return None
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(Path(shutil.which(name) or f"/bin/{name}").resolve())
    (tools / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tools / "python3").chmod(0o755)
    return str(tools)


def test_without_zips_lean_gets_the_folder_itself(tmp_path: Path) -> None:
    usual_folder(tmp_path)
    assert run(tmp_path).stdout == "--config x\n"
    assert not (tmp_path / "links").exists()


def test_the_newest_zips_are_unpacked_beside_links_to_all_that_is_there(tmp_path: Path, path: str | None) -> None:
    data = usual_folder(tmp_path)
    expected = tree(data)
    factors, maps = data / "equity/usa/factor_files", data / "equity/usa/map_files"
    write_zip(factors / "factor_files_20191231.zip", hunt="old")
    write_zip(factors / "factor_files_20201231.zip", hunt="factors", plain="not this one")
    write_zip(maps / "map_files_20201230.zip", hunt="names")
    ended = run(tmp_path, path)
    links = tmp_path / "links"
    assert (ended.stdout, ended.stderr, ended.returncode) == (f"--config x --data-folder {links}\n", "", 0)
    unpacked = {"equity/usa/factor_files/hunt.csv": "factors", "equity/usa/map_files/hunt.csv": "names"}
    assert tree(links) == expected | unpacked
    assert (links / "market-hours").is_symlink()
    assert not (factors / "hunt.csv").exists()


def test_a_zip_that_cannot_be_unpacked_ends_the_run_with_the_reason(tmp_path: Path, path: str | None) -> None:
    data = usual_folder(tmp_path)
    (data / "equity/usa/factor_files/factor_files_20201231.zip").write_bytes(b"no zip")
    ended = run(tmp_path, path)
    assert (ended.stdout, ended.returncode) == ("", 1)
    assert "cannot unpack the factor and map files" in ended.stderr

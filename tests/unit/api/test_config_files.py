"""What may be read below the folder of configs, as a volume, a ConfigMap and somebody hostile would have it."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from backfleet.configs.documents import MAX_CONFIG_BYTES
from backfleet.core.errors import SpecInvalid, Unavailable
from backfleet_api.refusals import ConfigMissing
from backfleet_api.writing.config_files import read_config


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "configs"
    (folder / "team").mkdir(parents=True)
    (folder / "team" / "rsi.yaml").write_text("a: 1")
    return folder


def test_a_file_below_the_folder_is_read(folder: Path) -> None:
    assert read_config(str(folder), "team/rsi.yaml") == b"a: 1"
    assert read_config(f"{folder}/", "team//./rsi.yaml") == b"a: 1"


def test_a_folder_that_is_a_link_itself_is_a_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(folder)
    assert read_config(str(tmp_path / "current"), "team/rsi.yaml") == b"a: 1"


def test_a_mounted_configmap_is_read_with_the_links_that_it_is_made_of(folder: Path) -> None:
    (folder / "..2026_01_01").mkdir()
    (folder / "..2026_01_01" / "rsi.yaml").write_text("b: 2")
    (folder / "..data").symlink_to("..2026_01_01")
    (folder / "rsi.yaml").symlink_to("..data/rsi.yaml")
    assert read_config(str(folder), "rsi.yaml") == b"b: 2"


def test_what_is_too_long_comes_cut_so_that_it_is_seen(folder: Path) -> None:
    (folder / "long.yaml").write_bytes(b"x" * (MAX_CONFIG_BYTES + 5))
    assert len(read_config(str(folder), "long.yaml")) == MAX_CONFIG_BYTES + 1


@pytest.mark.parametrize("path", ["../secret", "team/../../secret", "/etc/hostname", "..", "team/.."])
def test_a_path_that_leaves_the_folder_is_refused(folder: Path, path: str) -> None:
    with pytest.raises(SpecInvalid, match="leaves the folder") as caught:
        read_config(str(folder), path)
    assert caught.value.field == "config_path"


@pytest.mark.parametrize("target", ["../secret", "../../secret", "/etc/hostname", "/dev/zero"])
def test_a_link_out_of_the_folder_is_refused(folder: Path, target: str) -> None:
    (folder / "out.yaml").symlink_to(target)
    with pytest.raises(SpecInvalid, match="is a link out of the folder"):
        read_config(str(folder), "out.yaml")


def test_a_folder_beside_it_with_a_longer_name_is_outside(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "configs-of-others").mkdir()
    (tmp_path / "configs-of-others" / "a.yaml").write_text("x")
    (folder / "others").symlink_to("../configs-of-others")
    with pytest.raises(SpecInvalid, match="is a link out of the folder"):
        read_config(str(folder), "others/a.yaml")


def test_what_becomes_a_link_after_it_was_looked_at_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer of the volume swaps a folder for a link between the look and the opening."""
    resolve = os.path.realpath

    def swapping(path: Any, **more: Any) -> Any:
        real = resolve(path, **more)
        if str(path).endswith("rsi.yaml"):
            (folder / "team").rename(folder / "moved")
            (folder / "team").symlink_to(folder.parent)
            (folder.parent / "rsi.yaml").write_text("secret")
        return real

    monkeypatch.setattr(os.path, "realpath", swapping)
    with pytest.raises((SpecInvalid, ConfigMissing)):
        read_config(str(folder), "team/rsi.yaml")


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a loop"])
def test_what_is_no_file_is_refused_at_once(folder: Path, kind: str) -> None:
    path = folder / "odd.yaml"
    {"a folder": path.mkdir, "a pipe": lambda: os.mkfifo(path), "a loop": lambda: path.symlink_to(path)}[kind]()
    with pytest.raises(SpecInvalid) as caught:
        read_config(str(folder), "odd.yaml")
    assert caught.value.field == "config_path"


@pytest.mark.parametrize("path", ["none.yaml", "team/none.yaml", "team/rsi.yaml/none"])
def test_what_is_not_there_is_missing(folder: Path, path: str) -> None:
    with pytest.raises(ConfigMissing, match="does not exist"):
        read_config(str(folder), path)


def test_a_name_that_is_too_long_is_refused(folder: Path) -> None:
    with pytest.raises(SpecInvalid, match="cannot be read"):
        read_config(str(folder), "x" * 400)


def test_without_a_folder_that_is_said(folder: Path) -> None:
    with pytest.raises(ConfigMissing, match="this API has no folder of configs"):
        read_config(None, "team/rsi.yaml")


def test_a_volume_that_fails_may_work_later(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> int:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(Unavailable):
        read_config(str(folder), "team/rsi.yaml")

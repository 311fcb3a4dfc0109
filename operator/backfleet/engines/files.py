"""Reading files that hostile code may have written: regular files only, no links, bounds on size, items and depth.

Every problem is a `FileProblem` that names the file; texts come out so that Postgres can store them as JSONB.
"""

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

MEBIBYTE = 1024 * 1024
MAX_RESULT_BYTES = 8 * MEBIBYTE
MAX_CONTAINERS = 200_000
MAX_ITEMS = 1_000_000
MAX_MESSAGE = 2000


class FileProblem(Exception):
    """A file that is not what it should be; the message begins with its name."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")


class FileMissing(FileProblem):
    """There is no such file."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "not there")


def read_bytes(folder: Path, name: str, limit: int = MAX_RESULT_BYTES) -> bytes:
    """The content of a regular file of at most `limit` bytes; opens no link and waits for no pipe."""
    with _open_regular(folder, name) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise FileProblem(name, f"has {size} bytes, more than {limit}")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise FileProblem(name, f"has more than {limit} bytes")
    return content


def read_ends(folder: Path, name: str, limit: int) -> tuple[str, bool]:
    """A regular file of any size as text, and whether its middle was left out: at most `limit` bytes of each end are read."""
    with _open_regular(folder, name) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(limit)
        is_cut = size > 2 * limit
        if is_cut:
            file.seek(size - limit)
        tail = file.read(limit)
    return (head + (b"\n" if is_cut else b"") + tail).decode("utf-8", "replace"), is_cut


@contextmanager
def _open_regular(folder: Path, name: str) -> Iterator[BinaryIO]:
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError as error:
        raise FileMissing(name) from error
    except OSError as error:
        kind = "is a link" if (folder / name).is_symlink() else f"cannot be opened: {error.strerror}"
        raise FileProblem(name, kind) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileProblem(name, "is no regular file")
        with open(descriptor, "rb", closefd=False) as file:
            yield file
    except OSError as error:
        raise FileProblem(name, f"cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


def parse_json(name: str, content: bytes) -> object:
    """The JSON value of a file's bytes; NaN, infinity and what a small container's memory could not hold are refused."""
    if content.count(b"[") + content.count(b"{") > MAX_CONTAINERS or content.count(b",") > MAX_ITEMS:
        raise FileProblem(name, "holds too many values")

    def refuse(text: str) -> NoReturn:
        raise FileProblem(name, f"holds {text}, which is no JSON number")

    try:
        return json.loads(content.decode("utf-8"), parse_constant=refuse)
    except RecursionError as error:
        raise FileProblem(name, "is nested too deeply") from error
    except ValueError as error:
        raise FileProblem(name, f"is no JSON: {clean_text(str(error), 200)}") from error


def read_json(folder: Path, name: str, limit: int = MAX_RESULT_BYTES) -> object:
    """`read_bytes`, then `parse_json`."""
    return parse_json(name, read_bytes(folder, name, limit))


def clean_text(text: str, limit: int = MAX_MESSAGE) -> str:
    """A text that may be stored and shown: no control characters, NUL or lone surrogates, at most `limit` characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return re.sub("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", "�", cut)

"""A reader of files that hostile code may have written: regular files only, no links, bounds on size, items and depth.

Every problem is a `FileProblem` that names the file. Texts are cleaned for Postgres to store them as JSONB.
"""

import hashlib
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
    """A missing, unreadable or invalid file; the message begins with its name."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")


class FileMissing(FileProblem):
    """A file that does not exist."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "file not found")


def read_bytes(folder: Path, name: str, limit: int = MAX_RESULT_BYTES) -> bytes:
    """Read a regular file of at most `limit` bytes. Open no link and wait for no pipe."""
    with _open_regular(folder, name) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise FileProblem(name, f"expected at most {limit} bytes, got {size}")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise FileProblem(name, f"expected at most {limit} bytes, got more")
    return content


def digest_bytes(folder: Path, name: str, limit: int) -> str:
    """Return the SHA-256 of a regular file of at most `limit` bytes, which is never in memory as a whole."""
    total, rest = hashlib.sha256(), limit + 1
    with _open_regular(folder, name) as file:
        while rest and (chunk := file.read(min(rest, MEBIBYTE))):
            total.update(chunk)
            rest -= len(chunk)
    if not rest:
        raise FileProblem(name, f"expected at most {limit} bytes, got more")
    return total.hexdigest()


def read_ends(folder: Path, name: str, limit: int) -> tuple[str, bool]:
    """Read at most `limit` bytes from each end of a regular file, as text; also report whether its middle is left out."""
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
        is_link = (folder / name).is_symlink()
        kind = "expected a regular file, got a symbolic link" if is_link else f"cannot be opened: {error.strerror}"
        raise FileProblem(name, kind) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileProblem(name, "is not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            yield file
    except OSError as error:
        raise FileProblem(name, f"cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


def parse_json(name: str, content: bytes) -> object:
    """Parse a file's bytes as JSON. Refuse NaN, infinity, and more values than a small container's memory can hold."""
    if content.count(b"[") + content.count(b"{") > MAX_CONTAINERS or content.count(b",") > MAX_ITEMS:
        problem = f"expected at most {MAX_CONTAINERS} lists and objects and {MAX_ITEMS} commas, got more"
        raise FileProblem(name, problem)

    def refuse(text: str) -> NoReturn:
        raise FileProblem(name, f"expected JSON numbers, got {text}")

    try:
        return json.loads(content.decode("utf-8"), parse_constant=refuse)
    except RecursionError as error:
        raise FileProblem(name, "the JSON is nested too deeply") from error
    except ValueError as error:
        raise FileProblem(name, f"is not valid JSON: {clean_text(str(error), 200)}") from error


def read_json(folder: Path, name: str, limit: int = MAX_RESULT_BYTES) -> object:
    """Read a file with `read_bytes` and parse it with `parse_json`."""
    return parse_json(name, read_bytes(folder, name, limit))


def clean_text(text: str, limit: int = MAX_MESSAGE) -> str:
    """Make a text safe to store and show: no control characters, NUL or lone surrogates, at most `limit` characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return re.sub("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", "�", cut)

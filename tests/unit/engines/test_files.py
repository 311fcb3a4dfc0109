import os
import socket
from pathlib import Path

import pytest

from backfleet.engines.files import (
    FileMissing,
    FileProblem,
    clean_text,
    parse_json,
    read_bytes,
    read_ends,
    read_json,
)


def test_a_regular_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path, "a", 5) == b"12345"
    with pytest.raises(FileProblem, match="a: expected at most 4 bytes, got 5"):
        read_bytes(tmp_path, "a", 4)


def test_a_missing_file_or_folder_is_told_from_a_bad_one(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileMissing, match="a: file not found"):
            read_bytes(folder, "a")


def make_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def make_dangling_link(path: Path) -> None:
    path.symlink_to("/nowhere")


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (make_link, "expected a regular file, got a symbolic link"),
        (make_dangling_link, "expected a regular file, got a symbolic link"),
        (make_loop, "expected a regular file, got a symbolic link"),
        (lambda path: path.mkdir(), "is not a regular file"),
        (lambda path: os.mkfifo(path), "is not a regular file"),
        (make_socket, "cannot be opened"),
    ],
    ids=["link", "dangling link", "loop", "folder", "pipe without a writer", "socket"],
)
def test_anything_but_a_regular_file_is_refused_without_waiting(tmp_path: Path, make: object, problem: str) -> None:
    make(tmp_path / "result.json")  # type: ignore[operator]
    with pytest.raises(FileProblem, match=f"^result.json: {problem}") as caught:
        read_bytes(tmp_path, "result.json")
    assert not isinstance(caught.value, FileMissing)


def test_a_file_that_reads_longer_than_it_says_is_refused() -> None:
    with pytest.raises(FileProblem, match="self/status: expected at most 10 bytes, got more"):
        read_bytes(Path("/proc"), "self/status", 10)


def test_a_file_that_fails_while_it_is_read_is_refused() -> None:
    with pytest.raises(FileProblem, match="self/mem: cannot be read"):
        read_bytes(Path("/proc"), "self/mem")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not valid JSON"),
        (b'{"a":', "is not valid JSON"),
        (b"\xff\xfe{}", "is not valid JSON"),
        (b'{"a": NaN}', "expected JSON numbers, got NaN"),
        (b"[Infinity]", "expected JSON numbers, got Infinity"),
        (b"[-Infinity]", "expected JSON numbers, got -Infinity"),
        (b"[" * 150_000, "the JSON is nested too deeply"),
        (b'{"a":' * 150_000, "the JSON is nested too deeply"),
        (b"[" * 200_001, "expected at most 200000 lists and objects"),
        (b"[" + b"{}," * 200_001 + b"0]", "expected at most 200000 lists and objects"),
        (b"[" + b"0," * 1_000_001 + b"0]", "expected at most 200000 lists and objects"),
        (b"1" * 5000, "is not valid JSON"),
    ],
    ids=[
        "empty",
        "half",
        "no UTF-8",
        "NaN",
        "infinity",
        "-infinity",
        "deep lists",
        "deep objects",
        "very deep",
        "many objects",
        "many numbers",
        "long int",
    ],
)
def test_bad_json_is_a_problem_of_the_file(content: bytes, problem: str) -> None:
    with pytest.raises(FileProblem, match=f"^x: {problem}"):
        parse_json("x", content)


def test_good_json_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": [1, 2.5, "\\u00e9", null]}')
    assert read_json(tmp_path, "a.json") == {"a": [1, 2.5, "é", None]}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("two\nlines\tand é 漢 🙂", "two\nlines\tand é 漢 🙂"),
        ("nul\x00bell\x07escape\x1b[31m", "nul\ufffdbell\ufffdescape\ufffd[31m"),
        ("carriage\rdelete\x7f", "carriage\ufffddelete\ufffd"),
        ("lone \ud800 and \udfff", "lone \ufffd and \ufffd"),
        ("x" * 21, "x" * 19 + "…"),
        ("x" * 20, "x" * 20),
    ],
    ids=["good text", "control", "more control", "surrogates", "too long", "just fits"],
)
def test_texts_come_out_fit_to_be_stored(text: str, clean: str) -> None:
    limit = 20 if "x" in text and len(text) < 30 and set(text) == {"x"} else 2000
    assert clean_text(text, limit) == clean
    clean.encode()


def test_the_ends_of_a_file_of_any_size_are_read(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_bytes(b"start" + b"." * 1000 + b"end\xff")
    assert read_ends(tmp_path, "log.txt", 5) == ("start\n.end\ufffd", True)
    (tmp_path / "log.txt").write_bytes(b"0123456789")
    assert read_ends(tmp_path, "log.txt", 5) == ("0123456789", False)
    assert read_ends(tmp_path, "log.txt", 4) == ("0123\n6789", True)
    assert read_ends(tmp_path, "log.txt", 50) == ("0123456789", False)
    make_link(tmp_path / "link")
    with pytest.raises(FileProblem, match="link: expected a regular file, got a symbolic link"):
        read_ends(tmp_path, "link", 5)

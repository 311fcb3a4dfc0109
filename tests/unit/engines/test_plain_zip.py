"""The short way to the file in a plain zip gives what `zipfile` gives, or leaves the zip to it."""

import io
import zipfile
import zlib

import pytest

from backfleet.engines.bars.plain_zip import file_of_plain_zip

ROWS = b"20200102 00:00,100000,110000,90000,105000,500\n" * 3


def zip_of(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.comment = comment
        for name, content in entries.items():
            archive.writestr(name, content)
    return packed.getvalue()


def streamed(content: bytes) -> bytes:
    """Return a zip whose sizes follow the data, as a program writes it that cannot seek."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError

    packed = Pipe()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("abc.csv", content)
    return packed.getvalue()


def file_by_zipfile(packed: bytes) -> bytes | None:
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            return archive.read(archive.namelist()[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, IndexError):
        return None


@pytest.mark.parametrize(
    "packed",
    [
        zip_of({"abc.csv": ROWS}),
        zip_of({"abc.csv": ROWS}, zipfile.ZIP_STORED),
        zip_of({"äbc.csv": ROWS}),
        streamed(ROWS),
    ],
    ids=["deflated", "stored", "a name in UTF-8", "streamed"],
)
def test_a_plain_zip_is_read(packed: bytes) -> None:
    assert file_of_plain_zip(packed) == file_by_zipfile(packed) == ROWS


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"PK",
        zip_of({}),
        zip_of({"abc.csv": ROWS, "more.csv": ROWS}),
        zip_of({"abc.csv": ROWS}, comment=b"a comment"),
        zip_of({"abc.csv": ROWS}, zipfile.ZIP_BZIP2),
        zip_of({"folder/": b""}),
        zip_of({"__MACOSX/._abc.csv": ROWS}),
        b"before it" + zip_of({"abc.csv": ROWS}),
    ],
    ids=[
        "empty",
        "two bytes",
        "no file",
        "two files",
        "comment",
        "bzip2",
        "a folder",
        "a file of macOS",
        "bytes before it",
    ],
)
def test_every_other_zip_is_left_to_zipfile(packed: bytes) -> None:
    assert file_of_plain_zip(packed) is None


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_zip_never_gives_another_content(method: int) -> None:
    packed = zip_of({"abc.csv": ROWS}, method)
    damaged = [packed[:length] for length in range(len(packed))]
    damaged += [
        packed[:place] + bytes([byte ^ change]) + packed[place + 1 :]
        for place, byte in enumerate(packed)
        for change in (0x01, 0x80, 0xFF)
    ]
    found = [file_of_plain_zip(each) for each in damaged]
    assert {each for each in found if each is not None} <= {ROWS}
    assert [
        each for each, content in zip(damaged, found, strict=True) if content and file_by_zipfile(each) is None
    ] == []

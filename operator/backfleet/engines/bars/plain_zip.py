"""Reads the file in a zip of one file without `zipfile`, whose imports cost more than the file.

`zipfile` loads bz2, lzma and threading. They are a seventh of the program's start, and every process that is forked afterwards
pays for them again. What is not plain is left to `zipfile`: other entries, comments, encryption, other compressions, damage.
"""

import struct
import zlib

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_NEWEST = 63
"""The highest version of the format that `zipfile` reads."""
_PLAIN_FLAGS = 0x0002 | 0x0004 | 0x0008 | 0x0800
"""How well it is packed, sizes after the data, a name in UTF-8: none of them changes how the file is read."""


def file_of_plain_zip(packed: bytes) -> bytes | None:
    """Return the content of the only file. None if `zipfile` is needed to read it, or to say what is wrong with it."""
    try:
        return _file(packed)
    except (struct.error, zlib.error):
        return None


def _file(packed: bytes) -> bytes | None:
    end = len(packed) - _END.size
    signature, disk, first_disk, here, entries, length, start, comment = _END.unpack_from(packed, max(0, end))
    if (signature, disk, first_disk, here, entries, comment) != (b"PK\5\6", 0, 0, 1, 1, 0) or start + length != end:
        return None
    entry = _ENTRY.unpack_from(packed, start)
    signature, _, needed, flags, method, _, _, crc, packed_size, size, name_size, extra, note, *_, offset = entry
    name = packed[start + _ENTRY.size : start + _ENTRY.size + name_size]
    is_file = not name.endswith(b"/") and not name.startswith(b"__MACOSX/")
    is_plain = needed <= _NEWEST and not flags & ~_PLAIN_FLAGS and method in (_STORED, _DEFLATED)
    is_whole = signature == b"PK\1\2" and _ENTRY.size + name_size + extra + note == length and offset == 0
    if not (is_plain and is_file and is_whole):
        return None
    local = _LOCAL.unpack_from(packed)
    begin = _LOCAL.size + local[-2] + local[-1]
    content = packed[begin : begin + packed_size]
    if local[0] != b"PK\3\4" or packed[_LOCAL.size : _LOCAL.size + local[-2]] != name:
        return None
    if method == _DEFLATED:
        content = zlib.decompress(content, -zlib.MAX_WBITS)
    return content if len(content) == size and zlib.crc32(content) == crc else None

"""Answers of many numbers: a small JSON header, then blocks of four-byte numbers, little endian.

The first four bytes are the length of the header, which ends in spaces so that the numbers begin at a multiple of four.
"""

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence

from fastapi import Response
from pydantic import BaseModel

MEDIA_TYPE = "application/octet-stream"


def write_binary(header: BaseModel, blocks: Iterable["array[int] | array[float]"]) -> Response:
    """Build the answer. Blocks are arrays of int32 or float32, in the order in which the header names them."""
    text = header.model_dump_json().encode()
    text += b" " * (-len(text) % 4)
    return Response(b"".join([struct.pack("<I", len(text)), text, *map(_little, blocks)]), media_type=MEDIA_TYPE)


def float32(values: Iterable[float]) -> "array[float]":
    """Return the values as float32. What is too large becomes infinite."""
    # As an iterator: an array takes bytes as its memory.
    return array("f", iter(values))


def int32(values: Sequence[int]) -> "array[int]":
    """Return the values as int32."""
    return array("i", values)


def _little(block: "array[int] | array[float]") -> bytes:
    if sys.byteorder == "big":
        block.byteswap()
    return block.tobytes()

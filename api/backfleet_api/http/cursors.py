"""Cursors of paged answers: where the next page starts, after a digest of the query that the cursor belongs to.

The patterns are exact: every text that matches one is a place, so nothing that the schema allows is refused as malformed.
"""

import hashlib
import json
import math
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from backfleet.store.queries.answers import BatchPlace, ResultPlace
from backfleet_api.refusals import CursorElsewhere

_DIGEST = "[0-9a-f]{12}"
BATCHES_PATTERN = rf"^{_DIGEST}\.[0-9]{{1,16}}\.[0-9a-z-]{{1,63}}$"
"""Microseconds of acceptance since 1970, and the uid."""
RESULTS_PATTERN = rf"^{_DIGEST}\.[0-9a-f]{{16}}\.[0-9]{{1,9}}\.[0-9]{{1,9}}$"
"""The bits of the key as hexadecimal, index and rank."""
INDEX_PATTERN = rf"^{_DIGEST}\.[0-9]{{1,9}}$"
NAME_PATTERN = rf"^{_DIGEST}\.[A-Za-z0-9_.-]{{1,100}}$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_batch_cursor(query: Sequence[object], place: BatchPlace) -> str:
    """Return the cursor for the batches after `place` of the same query."""
    moment, uid = place
    return f"{_digest(query)}.{(datetime.fromisoformat(moment) - _EPOCH) // timedelta(microseconds=1)}.{uid}"


def read_batch_cursor(query: Sequence[object], cursor: str) -> BatchPlace:
    """Return the place of a cursor. Raise CursorElsewhere if it belongs to another query."""
    microseconds, uid = _parts(query, cursor)
    return (_EPOCH + timedelta(microseconds=int(microseconds))).isoformat(), uid


def write_result_cursor(query: Sequence[object], place: ResultPlace) -> str:
    """Return the cursor for the results after `place` of the same query."""
    key, index, rank = place
    return f"{_digest(query)}.{struct.pack('>d', math.inf if key is None else key).hex()}.{index}.{rank}"


def read_result_cursor(query: Sequence[object], cursor: str) -> ResultPlace:
    """Return the place of a cursor. Raise CursorElsewhere if it belongs to another query."""
    bits, index, rank = _parts(query, cursor)
    (key,) = struct.unpack(">d", bytes.fromhex(bits))
    return key if math.isfinite(key) else None, int(index), int(rank)


def write_index_cursor(query: Sequence[object], index: int) -> str:
    """Return the cursor for what comes after the backtest with that index."""
    return f"{_digest(query)}.{index}"


def read_index_cursor(query: Sequence[object], cursor: str) -> int:
    """Return the index of a cursor. Raise CursorElsewhere if it belongs to another query."""
    (index,) = _parts(query, cursor)
    return int(index)


def write_name_cursor(query: Sequence[object], name: str) -> str:
    """Return the cursor for what comes after that name."""
    return f"{_digest(query)}.{name}"


def read_name_cursor(query: Sequence[object], cursor: str) -> str:
    """Return the name of a cursor, which may have dots. Raise CursorElsewhere if it belongs to another query."""
    return ".".join(_parts(query, cursor))


def _parts(query: Sequence[object], cursor: str) -> list[str]:
    digest, *parts = cursor.split(".")
    if digest != _digest(query):
        raise CursorElsewhere(
            "cursor",
            "the cursor belongs to another query",
            "pass next_cursor of the previous page unchanged, with the same other parameters",
        )
    return parts


def _digest(query: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps([str(part) for part in query]).encode()).hexdigest()[:12]

"""Digests of what a run of LEAN leaves, for its fingerprint: equal content gives an equal digest, within bounds of memory."""

import hashlib
import json
from collections.abc import Iterable
from itertools import batched
from pathlib import Path

from backfleet.engines.files import MEBIBYTE, FileMissing, FileProblem, digest_bytes

ABSENT, UNREADABLE = "absent", "unreadable"
DIGITS = 16
PART = 500
"""How many values are text at a time: one by one is slow, and all together may not fit in memory."""
MAX_EVENTS_BYTES = 256 * MEBIBYTE
"""The most that is read of the order events, a piece at a time."""


def digest(values: Iterable[object]) -> str:
    """Return the digest of JSON values in their order; the order of keys does not matter."""
    total = hashlib.sha256()
    try:
        for part in batched(values, PART):
            total.update(json.dumps(part, sort_keys=True, separators=(",", ":")).encode())
    except RecursionError:
        return UNREADABLE
    return total.hexdigest()[:DIGITS]


def digest_orders(body: object) -> str | None:
    """Return the digest of the orders in a full result, which are an object by their number; None without one."""
    # No sorted copy of the items: a hostile result has a million.
    return digest((number, body[number]) for number in sorted(body)) if isinstance(body, dict) else None


def digest_order_events(folder: Path, name: str | None) -> str:
    """Return the digest of the file with the order events: LEAN writes it alike for the same events."""
    if name is None:
        return ABSENT
    try:
        return digest_bytes(folder, name, MAX_EVENTS_BYTES)[:DIGITS]
    except FileMissing:
        return ABSENT
    except FileProblem:
        return UNREADABLE

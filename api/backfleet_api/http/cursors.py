"""Opaque cursors of paged answers: where the next page starts, tied to the query that the cursor belongs to."""

import base64
import hashlib
import json
from collections.abc import Sequence

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.scalars import shown

MAX_CURSOR_LENGTH = 512
Place = Sequence[str | int | float | bool | None]


def write_cursor(query: Sequence[object], place: Place) -> str:
    """Return the cursor for the page after `place` of the same query."""
    text = json.dumps([_digest(query), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(query: Sequence[object], cursor: str) -> list[str | int | float | bool | None]:
    """Return the place of a cursor. Raise SpecInvalid if it is not a cursor of this API, or belongs to another query."""
    hint = "pass next_cursor of the previous page unchanged, with the same other parameters"
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        body = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError) as error:
        raise SpecInvalid("cursor", f"expected a cursor of this API, got {shown(cursor)}", hint) from error
    if not isinstance(body, list) or not body or body[0] != _digest(query):
        raise SpecInvalid("cursor", "the cursor belongs to another query", hint)
    return body[1:]


def _digest(query: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps([str(part) for part in query]).encode()).hexdigest()[:12]

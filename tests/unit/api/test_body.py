"""A body that does not arrive ends the waiting."""

import asyncio
from typing import Any

import pytest
from fastapi import Request

from backfleet_api.http.body import read_json
from backfleet_api.refusals import BodyTooSlow, BodyUnreadable


def read(*messages: dict[str, Any]) -> Any:
    """Return what `read_json` makes of a connection that sends these and then is silent."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        return left.pop(0) if left else await asyncio.sleep(30, {})

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    return asyncio.run(read_json(Request(scope, receive), seconds=0.05))


PART = {"type": "http.request", "body": b'{"a": ', "more_body": True}


def test_parts_are_put_together() -> None:
    assert read(PART, {"type": "http.request", "body": b"1}", "more_body": False}) == {"a": 1}


def test_a_body_that_stops_is_too_slow() -> None:
    with pytest.raises(BodyTooSlow, match="within"):
        read(PART)


def test_a_connection_that_ends_is_no_body() -> None:
    with pytest.raises(BodyUnreadable, match="connection ended"):
        read(PART, {"type": "http.disconnect"})

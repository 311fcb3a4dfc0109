"""A stream to a client that does not read ends at its deadline, and its source is closed."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from backfleet_api.http.streaming import BoundedStream

SCOPE: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}}


class Source:
    """Pieces without end, which note that they were closed."""

    def __init__(self) -> None:
        self.is_closed = False

    async def pieces(self) -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"row"
        finally:
            self.is_closed = True


def test_a_client_that_does_not_read_holds_a_stream_until_its_deadline() -> None:
    source, sent = Source(), []

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if len(sent) > 3:
            await asyncio.Event().wait()

    async def run() -> None:
        stream = BoundedStream(source.pieces(), "text/csv", "rows.csv", seconds=0.05)
        await asyncio.wait_for(stream(SCOPE, lambda: asyncio.Event().wait(), send), 30)  # type: ignore[arg-type,return-value]

    with pytest.raises(TimeoutError):
        asyncio.run(run())
    assert sent == ["http.response.start", *["http.response.body"] * 3]
    assert source.is_closed


def test_a_client_that_leaves_closes_the_source() -> None:
    source = Source()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise OSError("the client is gone")

    async def run() -> None:
        stream = BoundedStream(source.pieces(), "text/csv", "rows.csv", seconds=30)
        await stream(SCOPE, lambda: asyncio.Event().wait(), send)  # type: ignore[arg-type,return-value]

    with pytest.raises(ClientDisconnect):
        asyncio.run(run())
    assert source.is_closed

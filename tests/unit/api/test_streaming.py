"""A stream to a client that does not read ends at its deadline, and its source is closed."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from backfleet_api.http.streaming import BoundedStream

SCOPE: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}}


class Source:
    """Pieces without end, which note that they were closed, and how often their place was given back."""

    def __init__(self) -> None:
        self.is_closed = False
        self.given_back = 0

    async def pieces(self) -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"row"
        finally:
            self.is_closed = True

    def give_back(self) -> None:
        self.given_back += 1

    async def send_all(self, send: Any, seconds: float) -> None:
        """Send the stream to a client that never says anything, after its first piece was read."""
        pieces = self.pieces()
        stream = BoundedStream([await anext(pieces)], pieces, "text/csv", seconds, self.give_back)
        await asyncio.wait_for(stream(SCOPE, lambda: asyncio.Event().wait(), send), 30)  # type: ignore[arg-type,return-value]


def test_a_client_that_does_not_read_holds_a_stream_until_its_deadline() -> None:
    source, sent = Source(), []

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if len(sent) > 3:
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(source.send_all(send, 0.05))
    assert sent == ["http.response.start", *["http.response.body"] * 3]
    assert (source.is_closed, source.given_back) == (True, 1)


@pytest.mark.parametrize("kind", ["http.response.start", "http.response.body"])
def test_a_client_that_leaves_closes_the_source_and_gives_its_place_back(kind: str) -> None:
    source = Source()

    async def send(message: Any) -> None:
        if message["type"] == kind:
            raise OSError("the client is gone")

    with pytest.raises(ClientDisconnect):
        asyncio.run(source.send_all(send, 30))
    assert (source.is_closed, source.given_back) == (True, 1)

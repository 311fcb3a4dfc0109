"""Answers that are sent while they are read: bounded in number and in time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from backfleet.core.errors import Unavailable
from backfleet_api.dependencies import Services


class BoundedStream(StreamingResponse):
    """A stream that ends in an error, and the connection with it, when it takes longer than `seconds`.

    `on_end` is called once, however the stream ends: also when nothing of it was sent.
    """

    def __init__(
        self,
        first: Sequence[bytes],
        rest: AsyncGenerator[bytes],
        media_type: str,
        seconds: float,
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(_chained(first, rest), media_type=media_type)
        self._rest = rest
        self._seconds = seconds
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream, and close its source."""
        try:
            async with asyncio.timeout(self._seconds):
                await super().__call__(scope, receive, send)
        finally:
            self._on_end()
            await self._rest.aclose()


async def stream(services: Services, pieces: AsyncGenerator[bytes], media_type: str, file_name: str) -> BoundedStream:
    """Begin to send pieces. Wait for the first two, so that most errors are still an answer with its own status.

    Raise Unavailable if too many streams are open.
    """
    if services.open_streams.locked():
        raise Unavailable("too many streams at once")
    await services.open_streams.acquire()
    try:
        first = [piece async for piece in _some(pieces, 2)]
    except BaseException:
        services.open_streams.release()
        raise
    response = BoundedStream(first, pieces, media_type, services.settings.stream_seconds, services.open_streams.release)
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


async def _chained(first: Sequence[bytes], rest: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    for piece in first:
        yield piece
    async for piece in rest:
        yield piece


async def _some(pieces: AsyncGenerator[bytes], count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        piece = await anext(pieces, None)
        if piece is None:
            return
        yield piece

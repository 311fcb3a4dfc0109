"""Answers that are sent while they are read: bounded in number and in time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from backfleet.core.errors import Unavailable
from backfleet_api.dependencies import Services


class BoundedStream(StreamingResponse):
    """A stream that ends in an error, and the connection with it, when it takes longer than `seconds`."""

    def __init__(self, pieces: AsyncGenerator[bytes], media_type: str, file_name: str, seconds: float) -> None:
        headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
        super().__init__(pieces, media_type=media_type, headers=headers)
        self._pieces = pieces
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream. However it ends, close its source."""
        try:
            async with asyncio.timeout(self._seconds):
                await super().__call__(scope, receive, send)
        finally:
            await self._pieces.aclose()


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

    async def whole() -> AsyncGenerator[bytes]:
        try:
            for piece in first:
                yield piece
            async for piece in pieces:
                yield piece
        finally:
            services.open_streams.release()
            await pieces.aclose()

    return BoundedStream(whole(), media_type, file_name, services.settings.stream_seconds)


async def _some(pieces: AsyncGenerator[bytes], count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        piece = await anext(pieces, None)
        if piece is None:
            return
        yield piece

"""Blocking calls off the event loop: a bounded number of threads, and a deadline that holds whatever a call waits for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from backfleet.core.errors import Unavailable


class Calls:
    """Runs calls in at most `threads` threads; a request waits `seconds` at most, in the queue for a thread included.

    With `waiting`, at most so many requests wait for a thread, and those beyond are Unavailable at once.
    """

    def __init__(self, threads: int, seconds: float, waiting: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="call")
        self._seconds = seconds
        self._most = None if waiting is None else threads + waiting
        self._running: set[Future[Any]] = set()

    async def run[Answer](self, call: Callable[[], Answer]) -> Answer:
        """The answer of `call`, or Unavailable at the deadline.

        A call that is late is not heard any more: it leaves the queue, or ends by its own timeouts and frees its thread.
        """
        if self._most is not None and len(self._running) >= self._most:
            raise Unavailable("too many requests of this kind at once")
        running = self._pool.submit(call)
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(running), self._seconds)
        except TimeoutError as error:
            raise Unavailable("no answer in time") from error

    def close(self) -> None:
        """Start nothing more; what runs ends by its own timeouts."""
        self._pool.shutdown(wait=False, cancel_futures=True)

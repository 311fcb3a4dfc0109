"""Blocking calls off the event loop: a bounded number of threads, and a deadline that holds whatever a call waits for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from backfleet.core.errors import Unavailable


class Calls:
    """Runs calls in at most `threads` threads; a request waits `seconds` at most, in the queue for a thread included."""

    def __init__(self, threads: int, seconds: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="call")
        self._seconds = seconds

    async def run[Answer](self, call: Callable[[], Answer], seconds: float | None = None) -> Answer:
        """The answer of `call`, or Unavailable at the deadline.

        A call that is late is not heard any more: it leaves the queue, or ends by its own timeouts and frees its thread.
        """
        running = asyncio.get_running_loop().run_in_executor(self._pool, call)
        try:
            return await asyncio.wait_for(running, self._seconds if seconds is None else seconds)
        except TimeoutError as error:
            raise Unavailable("no answer in time") from error

    def close(self) -> None:
        """Start nothing more; what runs ends by its own timeouts."""
        self._pool.shutdown(wait=False, cancel_futures=True)

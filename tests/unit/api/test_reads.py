"""Reads have a deadline and a bounded number of threads."""

import asyncio
import threading

import pytest

from backfleet.core.errors import NotFound, Unavailable
from backfleet_api.reads import Reads


def test_the_answer_comes_back() -> None:
    reads = Reads(threads=1, seconds=5)
    assert asyncio.run(reads.run(lambda: 7)) == 7
    reads.close()


def test_an_error_of_the_read_comes_through() -> None:
    def fail() -> int:
        raise NotFound("none")

    reads = Reads(threads=1, seconds=5)
    with pytest.raises(NotFound):
        asyncio.run(reads.run(fail))
    reads.close()


def test_a_read_that_hangs_is_unavailable_and_those_behind_it_too_until_it_ends() -> None:
    reads, release = Reads(threads=1, seconds=0.05), threading.Event()
    ran: list[str] = []

    async def play() -> None:
        with pytest.raises(Unavailable):
            await reads.run(release.wait)
        with pytest.raises(Unavailable):
            await reads.run(lambda: ran.append("abandoned"))
        release.set()
        # Its thread is free again; what was abandoned in the queue is never run.
        assert await reads.run(lambda: "back", seconds=5) == "back"

    asyncio.run(play())
    assert ran == []
    reads.close()

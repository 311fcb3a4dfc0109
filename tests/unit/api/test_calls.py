"""Calls have a deadline and a bounded number of threads."""

import asyncio
import threading

import pytest

from backfleet.core.errors import NotFound, Unavailable
from backfleet_api.calls import Calls


def test_the_answer_comes_back() -> None:
    calls = Calls(threads=1, seconds=5)
    assert asyncio.run(calls.run(lambda: 7)) == 7
    calls.close()


def test_an_error_of_the_call_comes_through() -> None:
    def fail() -> int:
        raise NotFound("none")

    calls = Calls(threads=1, seconds=5)
    with pytest.raises(NotFound):
        asyncio.run(calls.run(fail))
    calls.close()


def test_a_call_that_hangs_is_unavailable_and_those_behind_it_too_until_it_ends() -> None:
    calls, release = Calls(threads=1, seconds=0.05), threading.Event()
    ran: list[str] = []

    async def play() -> None:
        with pytest.raises(Unavailable):
            await calls.run(release.wait)
        with pytest.raises(Unavailable):
            await calls.run(lambda: ran.append("abandoned"))
        release.set()
        # Its thread is free again; what was abandoned in the queue is never run.
        assert await calls.run(lambda: "back", seconds=5) == "back"

    asyncio.run(play())
    assert ran == []
    calls.close()

"""Calls have a deadline and a bounded number of threads."""

import asyncio
import threading
import time

import pytest

from backfleet.core.errors import NotFound, Unavailable
from backfleet_api.dependencies import Calls


async def again(calls: Calls) -> str | None:
    try:
        return await calls.run(lambda: "back")
    except Unavailable:
        return None


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
    calls, release = Calls(threads=1, seconds=0.2), threading.Event()
    ran: list[str] = []

    async def play() -> None:
        with pytest.raises(Unavailable):
            await calls.run(release.wait)
        with pytest.raises(Unavailable):
            await calls.run(lambda: ran.append("abandoned"))
        release.set()
        # Its thread is free again; what was abandoned in the queue is never run.
        give_up_at = time.monotonic() + 30
        while (answer := await again(calls)) is None:
            assert time.monotonic() < give_up_at
        assert answer == "back"

    asyncio.run(play())
    assert ran == []
    calls.close()


def test_slow_calls_beyond_the_bound_are_refused_at_once_and_those_of_another_kind_go_on() -> None:
    slow, quick, release = Calls(threads=2, seconds=30, waiting=1), Calls(threads=1, seconds=30), threading.Event()

    async def play() -> None:
        running = [asyncio.create_task(slow.run(lambda: release.wait(30))) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="too many requests of this kind"):
            await slow.run(lambda: True)
        assert await quick.run(lambda: "quick") == "quick"
        release.set()
        assert await asyncio.gather(*running) == [True] * 3
        assert await slow.run(lambda: "again") == "again"

    asyncio.run(play())
    slow.close()
    quick.close()

"""The thread that listens for outcomes: it outlives its errors, and health sees that it listens."""

import time

from backfleet.controller.loop import Loop
from backfleet.controller.main import listen
from tests.support.loop import FakeFence, FakePasses


class Announcements:
    """Says in turn what `said` holds, then ends the loop."""

    def __init__(self, loop: Loop, *said: bool | Exception) -> None:
        self._loop = loop
        self._said = list(said)

    def wait(self, timeout_seconds: float) -> bool:
        if not self._said:
            self._loop.stop()
            return False
        word = self._said.pop(0)
        if isinstance(word, Exception):
            raise word
        return word


def new_loop() -> Loop:
    return Loop(fence=FakeFence(), start_passes=FakePasses().start, tick_seconds=15.0)


def test_an_error_does_not_end_it_and_what_is_announced_after_it_wakes_the_loop() -> None:
    loop = new_loop()
    listen(loop, Announcements(loop, OSError("too many open files"), True), pause_seconds=0.0)
    assert loop._wanted_at < time.monotonic() + 5


def test_health_sees_that_it_listens() -> None:
    loop = new_loop()
    loop.health.last_listened_at = 0.0
    before = time.monotonic()
    listen(loop, Announcements(loop, False))
    assert loop.health.last_listened_at >= before

"""The thread that listens for outcomes: it outlives its errors, and health sees that it listens."""

import time
from dataclasses import replace

import pytest

from backfleet.controller.loop import GATHER_OUTCOMES_SECONDS, SOON_SECONDS, Loop
from backfleet.controller.main import listen
from backfleet.core.planning.effects import Plan
from tests.support.loop import FakeFence, FakePasses, report


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


@pytest.mark.parametrize(("wants_slots", "seconds"), [(True, SOON_SECONDS), (False, GATHER_OUTCOMES_SECONDS)])
def test_an_outcome_waits_for_the_end_of_its_pod_only_while_somebody_wants_a_slot(
    wants_slots: bool, seconds: float
) -> None:
    passes = FakePasses(do=lambda: replace(report(), plan=Plan(wants_slots=wants_slots)))
    loop = Loop(fence=FakeFence(), start_passes=passes.start, tick_seconds=15.0, clock=lambda: 100.0)
    loop.turn()
    listen(loop, Announcements(loop, True))
    assert loop._wanted_at == 100.0 + seconds


def test_health_sees_that_it_listens() -> None:
    loop = new_loop()
    loop.health.last_listened_at = 0.0
    before = time.monotonic()
    listen(loop, Announcements(loop, False))
    assert loop.health.last_listened_at >= before

"""The loop in a thread of its own: what wakes it, and what ends it."""

import threading
import time
from collections.abc import Callable

import pytest

from backfleet.controller.passes import PassReport
from backfleet.core.errors import Busy
from tests.support.loop import Scene, report


@pytest.fixture
def scene() -> Scene:
    return Scene()


def wait_until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come to hold"
        time.sleep(0.005)


@pytest.fixture
def running(scene: Scene):
    thread = threading.Thread(target=scene.loop.run, daemon=True)
    thread.start()
    wait_until(lambda: scene.passes.runs == 1)
    yield thread
    scene.loop.stop()
    thread.join(5)


def test_a_burst_of_wakes_is_one_pass(scene: Scene, running: threading.Thread) -> None:
    for _ in range(100):
        scene.loop.wake()
    wait_until(lambda: scene.passes.runs >= 2)
    time.sleep(0.1)  # nothing to wait for: a third pass must not come
    assert scene.passes.runs <= 3, "a wake during a pass may cost one more, a hundred may not"


def test_a_wake_during_a_pass_is_not_lost(scene: Scene, running: threading.Thread) -> None:
    is_in_pass, may_end = threading.Event(), threading.Event()

    def do() -> PassReport:
        is_in_pass.set()
        assert may_end.wait(5)
        return report()

    scene.passes.do = do
    scene.loop.wake()
    assert is_in_pass.wait(5)
    before = scene.passes.runs
    scene.loop.wake()
    may_end.set()
    wait_until(lambda: scene.passes.runs == before + 1)


def test_what_may_wait_waits_for_what_may_not(scene: Scene, running: threading.Thread) -> None:
    scene.loop.wake(3600.0)
    time.sleep(0.1)  # nothing to wait for: no pass must come
    assert scene.passes.runs == 1
    scene.loop.wake()
    wait_until(lambda: scene.passes.runs == 2)


def test_what_may_wait_comes_when_its_time_is_over(scene: Scene, running: threading.Thread) -> None:
    scene.loop.wake(0.05)
    wait_until(lambda: scene.passes.runs == 2)


def test_no_wake_shortens_the_pause_of_a_busy_api_server(scene: Scene, running: threading.Thread) -> None:
    scene.fail(Busy("429 too many requests", retry_after_seconds=3600.0))
    scene.loop.wake()
    wait_until(lambda: scene.passes.runs == 2)
    for _ in range(10):
        scene.loop.wake()
        time.sleep(0.01)  # nothing to wait for: no pass must come
    assert scene.passes.runs == 2


def test_a_due_moment_wakes_it(scene: Scene, running: threading.Thread) -> None:
    scene.passes.do = lambda: report(due_seconds=0.05)
    scene.loop.wake()
    wait_until(lambda: scene.passes.runs >= 4)


def test_stop_ends_it_within_a_second_and_gives_the_fence_up(scene: Scene, running: threading.Thread) -> None:
    started = time.monotonic()
    scene.loop.stop()
    running.join(1)
    assert not running.is_alive()
    assert time.monotonic() - started < 1
    assert (scene.loop.is_stopping, scene.loop.health.is_holder, scene.fence.is_mine) == (True, False, False)
    assert scene.passes.runs == 1

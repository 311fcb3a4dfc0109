"""The same seed gives the same worlds, however fast they run, and in whatever order Python has its sets."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.properties.world.running import running, worlds_of
from tests.properties.world.trace import first_difference

WORLDS = 16


@pytest.mark.postgres
@pytest.mark.timeout(1_200)
def test_two_runs_of_a_seed_have_the_same_trace(tmp_path: Path) -> None:
    """Run both at once, and one of them with what the other leaves of the machine."""
    with ExitStack() as stack:
        processes = []
        for number, niceness in enumerate((0, 19)):
            (tmp_path / str(number)).mkdir()
            given = ("--trace", str(tmp_path / str(number)), "--niceness", str(niceness))
            process = running(WORLDS, 3, *given, PYTHONHASHSEED=str(number))
            processes.append(stack.enter_context(process))
        counts = [worlds_of(each) for each in processes]
    traces = [(tmp_path / number / "0").read_text() for number in ("0", "1")]
    assert counts[0] == counts[1] >= WORLDS
    assert first_difference(*traces) == ""
    assert traces[0].count("turn operator-1") > WORLDS

"""The second half of `test_worlds.py`, in a file of its own so that another process can run it."""

import pytest

from tests.properties.world.stage import Stage
from tests.properties.world.worlds import EXAMPLES, Tally, run_worlds
from tests.support.clocked import ClockedDatabase


@pytest.mark.postgres
@pytest.mark.timeout(1_200)
def test_worlds_of_the_second_seed(clocked_database: ClockedDatabase) -> None:
    with Stage.running(clocked_database) as stage:
        tally = Tally()
        run_worlds(stage, 2, EXAMPLES, tally)
        assert tally.count >= EXAMPLES

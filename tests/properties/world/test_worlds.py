"""The operator in worlds over HTTP and Postgres, from a fixed seed. Those of a second seed are in `test_more_worlds.py`.

`make fuzz` generates others, and `make fuzz-bugs` shows that the machine finds what it should.
"""

import pytest

from tests.properties.world.stage import Stage
from tests.properties.world.worlds import EXAMPLES, Tally, run_worlds
from tests.support.clocked import ClockedDatabase


@pytest.mark.postgres
@pytest.mark.timeout(1_200)
def test_worlds_of_the_first_seed(clocked_database: ClockedDatabase) -> None:
    with Stage.running(clocked_database) as stage:
        tally = Tally()
        run_worlds(stage, 1, EXAMPLES, tally)
        assert tally.count >= EXAMPLES

"""The operator in worlds over HTTP and Postgres, from a fixed seed. Those of a second seed are in `test_more_worlds.py`.

`make fuzz` generates others, and `make fuzz-bugs` shows that the machine finds what it should.
"""

import pytest

from tests.properties.world.running import running, worlds_of
from tests.properties.world.worlds import EXAMPLES


@pytest.mark.postgres
@pytest.mark.timeout(1_200)
def test_worlds_of_the_first_seed() -> None:
    with running(EXAMPLES, 1) as process:
        assert worlds_of(process) >= EXAMPLES

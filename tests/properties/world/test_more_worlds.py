"""The second half of `test_worlds.py`, in a file of its own so that another worker can run it."""

import pytest

from tests.properties.world.running import running, worlds_of
from tests.properties.world.worlds import EXAMPLES


@pytest.mark.postgres
@pytest.mark.timeout(1_200)
def test_worlds_of_the_second_seed() -> None:
    with running(EXAMPLES, 2) as process:
        assert worlds_of(process) >= EXAMPLES

"""Every scenario runs over rows in memory and over a real Postgres, on a simulated cluster and clock.

Those that make many hundreds of passes are marked `long` and run over memory alone.
"""

from collections.abc import Callable

import pytest

from tests.support.clocked import ClockedDatabase
from tests.support.cluster import START
from tests.support.memory import MemoryRows
from tests.support.operator import World
from tests.support.postgres_rows import PostgresRows

NewWorld = Callable[..., World]
"""Makes a world; keyword arguments are those of World. One at a time: a second one ends the first."""


MEMORY, POSTGRES = "memory", pytest.param("postgres", marks=pytest.mark.postgres)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "new_world" in metafunc.fixturenames:
        is_long = metafunc.definition.get_closest_marker("long") is not None
        metafunc.parametrize("new_world", [MEMORY] if is_long else [MEMORY, POSTGRES], indirect=True)


@pytest.fixture
def new_world(request: pytest.FixtureRequest) -> NewWorld:
    if request.param == MEMORY:
        return lambda **given: World(rows=MemoryRows(now=START), **given)
    store: ClockedDatabase = request.getfixturevalue("clocked_database")
    return lambda **given: World(rows=PostgresRows(now=START, store=store), **given)


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return new_world()

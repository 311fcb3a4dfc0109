"""What rules are made of: the batches and fates that they draw, and turns of the operator that follow trouble."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.properties.world.surroundings import ENGINES
from tests.world.fates import Fate

FATES: tuple[dict[Fate, float], ...] = (
    {Fate.SUCCEEDS: 1},
    {Fate.SUCCEEDS: 3, Fate.FAILS: 1, Fate.CRASHES: 1, Fate.OOM_OF_CONTAINER: 1, Fate.OOM_IN_ENGINE: 1},
    {Fate.SUCCEEDS: 4, Fate.CRASHES: 1, Fate.TIME_IS_OVER: 1, Fate.TIMES_OUT: 1, Fate.RECORDER_CRASHES: 1},
    {Fate.SUCCEEDS: 3, Fate.IMAGE: 1, Fate.CONFIG: 1, Fate.RECORDER_CONFIG: 1},
    {Fate.SUCCEEDS: 3, Fate.HANGS: 1, Fate.EVICTED: 1, Fate.RECORDER_CRASHES: 1, Fate.RECORDER_SILENT: 1},
    dict.fromkeys(Fate, 1.0),
)
PER_JOB = st.sampled_from([1, 2, 4, "auto"])
BATCHES = st.fixed_dictionaries(
    {
        "count": st.integers(1, 6),
        "per_job": PER_JOB,
        "limit": st.integers(1, 3),
        "engine": st.sampled_from(ENGINES[::-1]),
        "place": st.integers(0, 1),
    }
)


def step(**given: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """Make a rule that the trace shows."""

    def decorate(act: Callable[..., None]) -> Any:
        @wraps(act)
        def noted(self: Any, **drawn: Any) -> None:
            self.stage.trace.note("rule", act.__name__, *(f"{name}={value}" for name, value in drawn.items()))
            act(self, **drawn)

        add: Any = rule  # its overloads do not know that `given` has neither target nor targets
        return add(**given)(noted)

    return decorate


def trouble(**given: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """Make a rule after which the operator takes some turns: trouble that nobody meets is none."""

    def decorate(act: Callable[..., None]) -> Any:
        @wraps(act)
        def followed(self: Any, turns: int, **drawn: Any) -> None:
            act(self, **drawn)
            self.work(turns)

        return step(turns=st.integers(0, 2), **given)(followed)

    return decorate

"""What a config ranks by, and how it searches: the grid is searched whole, whatever the config calls it."""

from collections.abc import Mapping

from backfleet.configs.documents import ConfigInvalid, Entry
from backfleet.configs.reading import Draft, number_of, text_of
from backfleet.configs.statistics import choose, metric_of
from backfleet.core.ranking import Direction
from backfleet.core.scalars import shown

DIRECTIONS = {
    "max": Direction.MAXIMIZE,
    "maximize": Direction.MAXIMIZE,
    "maximise": Direction.MAXIMIZE,
    "min": Direction.MINIMIZE,
    "minimize": Direction.MINIMIZE,
    "minimise": Direction.MINIMIZE,
}


def convert_objective(metric: Entry | None, direction: Entry | None, draft: Draft) -> None:
    """Put `objective` into the draft; without a metric it is the Sharpe ratio, without a direction the metric's own."""
    objective: dict[str, str] = {"metric": "sharpe_ratio"}
    if metric is not None:
        found = metric_of(text_of(metric))
        if found is None:
            problem = f"there is no metric {shown(text_of(metric))}"
            raise ConfigInvalid(metric.place, problem, choose(text_of(metric)))
        objective["metric"] = found
    if direction is not None:
        text = text_of(direction).strip().lower()
        if text not in DIRECTIONS:
            raise ConfigInvalid(direction.place, f"{shown(text)} is no direction", "write max or min")
        objective["direction"] = DIRECTIONS[text].value
    draft.spec["objective"] = objective


def convert_search(kind: Entry | None, parameters: Entry, draft: Draft) -> None:
    """Put `search` into the draft, and say where the grid is less than what was asked for."""
    draft.spec["search"] = {"algorithm": "grid"}
    if kind is None:
        return
    text = text_of(kind).lower()
    if "euler" not in text:
        if "grid" not in text:
            problem = f"there is no search {shown(text_of(kind))}"
            raise ConfigInvalid(kind.place, problem, "write Grid Search: every combination is run")
        return
    refined = _refined(parameters)
    if not refined:
        draft.warn(kind.place, "Euler Search without a minimum step is exactly the grid, so the grid is searched")
        return
    for entry in refined:
        text = "the grid at `step` is searched; the finer steps around its best, down to the minimum step, are not"
        draft.warn(entry.place, f"{text}: run them as a second batch")


def _refined(parameters: Entry) -> list[Entry]:
    """The minimum steps that are finer than their steps, or stand beside none."""
    found: list[Entry] = []
    for parameter in parameters.value.values() if isinstance(parameters.value, Mapping) else ():
        if not isinstance(parameter.value, Mapping):
            continue
        finest, step = parameter.value.get("min_step"), parameter.value.get("step")
        if finest is None or finest.value is None:
            continue
        if step is None or step.value is None or number_of(finest) < number_of(step):
            found.append(finest)
    return found

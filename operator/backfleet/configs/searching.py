"""Converts what a config ranks by and how it searches. Backfleet always searches the whole grid."""

from collections.abc import Mapping

from backfleet.configs.documents import ConfigInvalid, Entry
from backfleet.configs.reading import Conversion, number_of, text_of
from backfleet.configs.statistics import choose, metric_of
from backfleet.core.ranking import Direction, Objective
from backfleet.core.space.scalars import shown

DIRECTIONS = {
    "max": Direction.MAXIMIZE,
    "maximize": Direction.MAXIMIZE,
    "maximise": Direction.MAXIMIZE,
    "min": Direction.MINIMIZE,
    "minimize": Direction.MINIMIZE,
    "minimise": Direction.MINIMIZE,
}


def convert_objective(metric: Entry | None, direction: Entry | None, conversion: Conversion) -> None:
    """Put `objective` into the conversion. The default metric is the Sharpe ratio; the default direction is the metric's own."""
    objective: dict[str, str] = {"metric": Objective().metric}
    conversion.spec["objective"] = objective
    if metric is not None:
        with conversion.going_on():
            objective["metric"] = _metric(metric)
    if direction is not None:
        with conversion.going_on():
            objective["direction"] = _direction(direction).value


def _metric(entry: Entry) -> str:
    found = metric_of(text_of(entry))
    if found is None:
        raise ConfigInvalid(entry.place, f"expected a metric, got {shown(text_of(entry))}", choose(text_of(entry)))
    return found


def _direction(entry: Entry) -> Direction:
    text = text_of(entry).strip().lower()
    if text not in DIRECTIONS:
        raise ConfigInvalid(entry.place, f"expected a direction, got {shown(text)}", "write max or min")
    return DIRECTIONS[text]


def convert_search(kind: Entry | None, parameters: Entry, conversion: Conversion) -> None:
    """Put `search` into the conversion, and warn where the grid covers less than the config asks for."""
    conversion.spec["search"] = {"algorithm": "grid"}
    if kind is not None:
        with conversion.going_on():
            _say_what_is_not_searched(kind, parameters, conversion)


def _say_what_is_not_searched(kind: Entry, parameters: Entry, conversion: Conversion) -> None:
    text = text_of(kind).lower()
    if "euler" not in text:
        if "grid" not in text:
            problem = f"expected a type of search, got {shown(text_of(kind))}"
            raise ConfigInvalid(kind.place, problem, "write Grid Search, which runs every combination")
        return
    refined = _refined(parameters)
    if not refined:
        conversion.warn(
            kind.place, "Euler Search without a minimum step is the same as the grid, so the batch runs the grid"
        )
        return
    for entry in refined:
        text = "only the grid at `step` runs; the finer steps around its best, down to the minimum step, do not"
        conversion.warn(entry.place, f"{text}; run them as a second batch")


def _refined(parameters: Entry) -> list[Entry]:
    """Return the minimum steps that are finer than their step or have no step."""
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

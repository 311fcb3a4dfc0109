"""LEAN's data monitor report: how many data requests failed."""

from dataclasses import dataclass
from pathlib import Path

from backfleet.engines.files import MEBIBYTE, FileProblem, read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRequests:
    """The data requests of one run. The percentage is LEAN's own and rounded: 100 can mean all but a few."""

    total: int = 0
    failed: int = 0
    failed_percentage: float = 0.0

    @property
    def succeeded(self) -> int:
        """Return the number of requests that found data."""
        return max(0, self.total - self.failed)


def read_monitor_report(folder: Path, name: str) -> DataRequests:
    """Read the report in a file. FileProblem names its first problem."""
    body = read_json(folder, name, MEBIBYTE)
    if not isinstance(body, dict):
        raise FileProblem(name, f"expected a JSON object, got a {type(body).__name__}")
    figures = {}
    for key in ("total-data-requests-count", "failed-data-requests-count", "failed-data-requests-percentage"):
        value = body.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 2**53:
            raise FileProblem(name, f"{key} is not a number of at least 0")
        figures[key] = value
    total, failed, percentage = figures.values()
    return DataRequests(total=int(total), failed=int(failed), failed_percentage=float(percentage))

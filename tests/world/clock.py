"""The time of a world: this machine's, or one that stands still until a test advances it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@dataclass
class Clock:
    """`moment` is the simulated time; None for this machine's."""

    moment: datetime | None = None

    def now(self) -> datetime:
        return self.moment or datetime.now(UTC)

    def advance(self, seconds: float) -> datetime:
        """Move a simulated clock on; ValueError for this machine's."""
        if self.moment is None:
            raise ValueError("the clock of this machine cannot be advanced")
        self.moment += timedelta(seconds=seconds)
        return self.moment


def text(moment: datetime) -> str:
    """Return a moment as Kubernetes writes it, without fractions."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def parse(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)

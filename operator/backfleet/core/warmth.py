"""Warm runs: several backtests of a batch in one process of the engine. What is known of them, and how two runs compare.

docs/adr/0017-warm-runs.md says why.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum, unique
from typing import Any

HOPELESS = 5
"""So many warm runs that failed, and none that succeeded, are the last ones of a batch."""


@unique
class RunKind(StrEnum):
    """How the run went that a result is of."""

    FRESH = "fresh"
    """In a process of its own."""
    WARM = "warm"
    """In a process that ran others before or after it."""
    CHECKED = "checked"
    """In a process of its own, and a warm run gave the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmth:
    """What a batch knows of its warm runs.

    `settled` ones succeeded, `failed` ones did not; `checked` ones were equal to a fresh run of the same backtest, and
    `unchecked` counts the results of warm runs that were not compared. `difference` says how a fresh run differed: from then on
    no run of the batch is warm.
    """

    settled: int = 0
    failed: int = 0
    checked: int = 0
    unchecked: int = 0
    difference: str | None = None

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Warmth":
        """Parse what `to_json` wrote."""
        return Warmth(
            settled=body.get("settled", 0),
            failed=body.get("failed", 0),
            checked=body.get("checked", 0),
            unchecked=body.get("unchecked", 0),
            difference=body.get("difference"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON that the batch's row has. It is empty for a batch without warm runs."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def is_hopeless(self) -> bool:
        """Report whether so many warm runs failed, and none succeeded, that no further one is tried."""
        return self.failed >= HOPELESS and not self.settled

    @property
    def is_trusted(self) -> bool:
        """Report whether further runs of the batch may be warm."""
        return self.difference is None and not self.is_hopeless

    def after_result(self, run: RunKind) -> "Warmth":
        """Return what is known after one more result that counts."""
        match run:
            case RunKind.WARM:
                return replace(self, settled=self.settled + 1, unchecked=self.unchecked + 1)
            case RunKind.CHECKED:
                return replace(self, checked=self.checked + 1)
            case RunKind.FRESH:
                return self


NOTHING_WARM = Warmth()
"""Of a batch without warm runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmRefusal:
    """A version of an engine whose warm run of a backtest gave another result than its fresh run; `is_over`: it is gone."""

    image: str
    engine_version: str | None
    is_over: bool = False


def difference_of(warm: str, fresh: str | None) -> str | None:
    """Return how two fingerprints differ, in words: None if they are equal.

    A fingerprint is `name=digest` separated by spaces. Two runs are only equal if both have one.
    """
    if not warm or not fresh:
        return "one of the two runs cannot be compared, because it has no fingerprint"
    before, after = _digests(warm), _digests(fresh)
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return f"{' and '.join(names)} differ" if names else None


def _digests(fingerprint: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in fingerprint.split())
    return {name: digest for name, _, digest in pairs}

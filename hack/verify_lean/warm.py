"""The warm case: members in one process of LEAN after each other, each with the verdict of its own case, and its fingerprint."""

from dataclasses import replace

from backfleet.core.backtests import PROVENANCE_FINGERPRINT, Ending, Result
from hack.verify_lean.cases import Case

NAME = "warm"
NAMES = (
    "success", "initialize-error", "zero-trades", "runtime-error", "order-refused", "quit", "reports-errors", "bankrupt",
    "quit-in-initialize", "crash", "success", "hang", "success",
)  # fmt: skip
"""All are of the small project, for one symbol and the same dates. A crash and a hang each end the process."""


def warm_case(cases: tuple[Case, ...], timeout_seconds: int) -> Case:
    """Return the warm pack of these cases. Each member has that time, since a pack has one limit for all."""
    by_name = {case.name: case for case in cases}
    members = tuple(by_name[name] for name in NAMES)
    common = replace(members[0].request, strategy="verify warm", parameter_texts={})
    rule = "in a warm pack each backtest ends as in a process of its own"
    return Case(name=NAME, rule=rule, request=common, exit_codes=(), members=members, timeout_seconds=timeout_seconds)


class Fingerprints:
    """The fingerprints of the results so far, by the name of their case: every later run of it must have the same."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def problem(self, name: str, ending: Ending) -> str | None:
        """Return how a run differs from the first one of its case; None if it does not."""
        if not isinstance(ending, Result):
            return None
        own = ending.provenance[PROVENANCE_FINGERPRINT]
        first = self._found.setdefault(name, own)
        return None if own == first else f"expected the fingerprint of the first run, {first}, got {own}"

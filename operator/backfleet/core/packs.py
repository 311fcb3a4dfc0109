"""A pack: the attempts that one Job carries, in order of their index; its row, and how the containers of its pod learn of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from backfleet.core.backtests import BacktestRequest, attempt_id
from backfleet.core.space.parameters import ParameterSpace

PackKey = tuple[str, int, int]
"""(batch uid, index, attempt number) of a pack's first attempt: what a Job, its pods and its row have in common."""

WARM_START_SECONDS = 300
"""How long a process that runs several members may take to start: a throttled CPU takes long to import LEAN's packages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRecord:
    """One row of `backtest_packs`: what one Job carries, and the time that it has. Its key is that of its first attempt.

    `size` attempts were launched with it, and `unsettled` of them have not ended. `start_tries` counts the Jobs of this pack
    that were refused or did not start. Since `waiting_since` it has not started because of `waiting_reason` (after its
    engine's end: its recorder), and its Job is created again from `retry_at` on. `job_seen_at` is None while it has no Job.
    Node and digest of the engine's image are what its pod showed after the engine's start.
    """

    batch_uid: str
    index: int
    number: int
    job_name: str
    size: int = 1
    unsettled: int = 1
    is_warm: bool = False
    launched_at: datetime
    start_deadline_at: datetime
    hard_deadline_at: datetime
    job_seen_at: datetime | None = None
    start_tries: int = 0
    waiting_since: datetime | None = None
    waiting_reason: str | None = None
    retry_at: datetime | None = None
    engine_started_at: datetime | None = None
    node_name: str | None = None
    image_digest: str | None = None

    @property
    def id(self) -> str:
        return attempt_id(self.batch_uid, self.index, self.number)

    @property
    def key(self) -> PackKey:
        return self.batch_uid, self.index, self.number

    @property
    def has_job(self) -> bool:
        """Report whether its Job was seen, so that it holds a slot."""
        return self.job_seen_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One attempt of a pack: the index of its combination, its number (1-based), and the exact texts of its parameters."""

    index: int
    number: int
    parameter_texts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRequest:
    """What one Job must compute: requests that differ in their parameters alone. There is at least one member.

    `common` is the request of each member without its parameters. With the batch's `space` the text may name members by
    their indexes. If it `is_warm`, an engine that can do so runs its members in one process.
    """

    batch_uid: str
    common: BacktestRequest
    members: tuple[Member, ...]
    space: ParameterSpace | None = field(default=None, compare=False)
    is_warm: bool = False

    @property
    def requests(self) -> Iterator[BacktestRequest]:
        """Return the request of every member, in order."""
        return (replace(self.common, parameter_texts=each.parameter_texts) for each in self.members)

    @property
    def attempt_ids(self) -> list[str]:
        """Return the id of every member's attempt, in order."""
        return [attempt_id(self.batch_uid, each.index, each.number) for each in self.members]

    def to_runs(self) -> str:
        """Write the places of the members for a shell: `first index:count:number of the attempt`, separated by spaces."""
        return " ".join(f"{first}:{count}:{number}" for first, count, number in _runs(self.members))

    def to_json(self) -> str:
        """Write one line of JSON, the shorter one of two forms.

        Either the names of the parameters once and a row of texts per member, or the axes once: a combination follows
        from its index. Members are runs of consecutive indexes with the same number of the attempt.
        """
        runs = _runs(self.members)
        names = list(self.members[0].parameter_texts)
        forms = [{"names": names, "rows": [[each.parameter_texts[name] for name in names] for each in self.members]}]
        if self.space is not None:
            forms.append(self.space.to_json())
        warm = {"warm": True} if self.is_warm else {}
        head = {"batch": self.batch_uid, "request": json.loads(self.common.to_json()), "members": runs, **warm}
        texts = (json.dumps({**head, **form}, separators=(",", ":"), ensure_ascii=False) for form in forms)
        return min(texts, key=len)

    @staticmethod
    def from_json(text: str) -> "PackRequest":
        """Parse what `to_json` wrote. Raise ValueError, KeyError, TypeError or IndexError for anything else."""
        body = json.loads(text)
        places = [(first + offset, number) for first, count, number in body["members"] for offset in range(int(count))]
        if not places:
            raise ValueError("expected at least one member, got none")
        space = ParameterSpace.from_json(body) if "axes" in body else None
        parameters = _of_rows(body) if space is None else [space.combination(index).texts for index, _ in places]
        members = (
            Member(index=int(index), number=int(number), parameter_texts=texts)
            for (index, number), texts in zip(places, parameters, strict=True)
        )
        common = BacktestRequest.from_json(json.dumps(body["request"]))
        is_warm = body.get("warm") is True
        return PackRequest(
            batch_uid=str(body["batch"]), common=common, members=tuple(members), space=space, is_warm=is_warm
        )


def _runs(members: Sequence[Member]) -> list[tuple[int, int, int]]:
    """Return (first index, count, number) of each run of members whose indexes follow one another."""
    places = enumerate(members)
    grouped = groupby(places, key=lambda each: (each[1].index - each[0], each[1].number))
    runs = (([member for _, member in run], number) for (_, number), run in grouped)
    return [(run[0].index, len(run), number) for run, number in runs]


def _of_rows(body: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{str(name): str(value) for name, value in zip(body["names"], row, strict=True)} for row in body["rows"]]

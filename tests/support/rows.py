"""The rows of a world, in memory or in a real Postgres: what passes need, and what tests read and damage."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from backfleet.core.backtests import PROVENANCE_FINGERPRINT, BacktestState, Outcome, Result, engine_version_of
from backfleet.core.changes import BatchChanges, LaunchPack
from backfleet.core.errors import Conflict, FenceLost, Unavailable
from backfleet.core.packs import PackRecord
from backfleet.core.records import AttemptRecord, BatchRecord, Measured, OutcomeRecord, StoredCatalog, StoreView
from backfleet.core.warmth import RunKind


class Verdict(Protocol):
    """A settled result and its verdict."""

    @property
    def metrics(self) -> Mapping[str, float | int | None]: ...
    @property
    def passed(self) -> bool: ...
    @property
    def rejections(self) -> tuple[str, ...]: ...
    @property
    def criteria_version(self) -> int: ...
    @property
    def run(self) -> RunKind: ...


@dataclass
class WorldRows(ABC):
    """The rows of a world. `look` and `stale_look` bound what one pass reads: outcomes, and stale results of each batch."""

    now: datetime
    look: int = 200
    stale_look: int = 2
    faults: dict[str, Exception] = field(default_factory=dict)
    """What saving a batch raises, by uid."""
    is_slow: bool = False
    """The client gives up on the next commit, and the server carries it out when the one after it arrives."""
    late: BatchChanges | None = None
    launches: list[tuple[str, int, int]] = field(default_factory=list)
    """Batch, index and number of every attempt, in the order in which they were launched."""
    epoch: int = 0

    def set_clock(self, now: datetime) -> None:
        self.now = now

    @property
    @abstractmethod
    def batches(self) -> Mapping[str, BatchRecord]:
        """Every batch by its uid."""

    @property
    @abstractmethod
    def attempts(self) -> Mapping[str, AttemptRecord]:
        """Every attempt by its id."""

    @property
    @abstractmethod
    def packs(self) -> Mapping[str, PackRecord]:
        """Every pack by its id."""

    @property
    @abstractmethod
    def results(self) -> Mapping[tuple[str, int], Verdict]:
        """Every result by batch and index."""

    @abstractmethod
    def observe(self, uids: Collection[str]) -> StoreView: ...

    @abstractmethod
    def catalog(self) -> StoredCatalog: ...

    @abstractmethod
    def set_catalog(self, catalog: StoredCatalog) -> None:
        """Replace the strategies and criteria; a strategy that a batch has stays, as one that the batch brought."""

    @abstractmethod
    def members(self, ids: Collection[str]) -> tuple[AttemptRecord, ...]: ...

    @abstractmethod
    def job_names(self, ids: Collection[str]) -> Mapping[str, str]: ...

    @abstractmethod
    def append_outcome(self, attempt_id: str, outcome: Outcome) -> None:
        """Append an outcome as a recorder does. The second one of an attempt changes nothing."""

    @abstractmethod
    def overwrite_batch(self, record: BatchRecord) -> None:
        """Make the row of a batch this one, whatever a pass would have written; it keeps its version."""

    @abstractmethod
    def overwrite_pack(self, pack: PackRecord) -> None:
        """Make the row of a pack this one, and the state of its live members, as an earlier version of Backfleet left it."""

    @abstractmethod
    def copy_finished(self, uid: str, copies: Collection[str]) -> None:
        """Add finished batches like one that there is, without its backtests; each copy's name is its uid."""

    @abstractmethod
    def back_up(self) -> Callable[[], None]:
        """Keep everything as it is now; the call of what is returned restores it."""

    @abstractmethod
    def _acquire(self) -> int:
        """Take the fence from whoever has it. Return the new epoch."""

    @abstractmethod
    def _commit(self, changes: BatchChanges, epoch: int) -> None: ...

    def take_over(self) -> Callable[[BatchChanges], None]:
        """Return a new operator's right to save; the last one has none any more."""
        epoch = self.epoch = self._acquire()
        return lambda changes: self.save(changes, epoch)

    def save(self, changes: BatchChanges, epoch: int | None = None) -> None:
        epoch = self.epoch if epoch is None else epoch
        if (fault := self.faults.get(changes.after.uid)) is not None:
            raise fault
        late, self.late = self.late, None
        if late is not None:
            with suppress(Conflict, FenceLost):
                self._commit_and_note(late, epoch)
        if self.is_slow:
            self.is_slow, self.late = False, changes
            raise Unavailable("the commit did not answer in time")
        self._commit_and_note(changes, epoch)

    def states(self, uid: str) -> dict[int, BacktestState]:
        """Return the state of every launched backtest of a batch, by index."""
        deciding = (a for a in self.attempts.values() if a.batch_uid == uid and a.is_deciding)
        return {a.index: a.backtest_state for a in deciding}

    @property
    def reasons(self) -> dict[tuple[str, int], str]:
        """Why the last attempt that failed did, by batch and index."""
        in_order = sorted(self.attempts.values(), key=lambda each: each.number)
        return {(a.batch_uid, a.index): a.reason.value for a in in_order if a.reason is not None}

    def _commit_and_note(self, changes: BatchChanges, epoch: int) -> None:
        self._commit(changes, epoch)
        launched = (each for each in changes.changes if isinstance(each, LaunchPack))
        attempts = (member.attempt for pack in launched for member in pack.members)
        keys = [(each.batch_uid, each.index, each.number) for each in attempts]
        self.launches += [key for key in keys if key not in self.launches]


def seen_outcome(attempt_id: str, recorded_at: datetime, outcome: Outcome) -> OutcomeRecord:
    """Return what a pass sees of what a recorder appended."""
    said = outcome.ending
    return OutcomeRecord(
        attempt_id=attempt_id,
        recorded_at=recorded_at,
        ending=Measured(
            metrics=said.metrics,
            engine_version=engine_version_of(said.provenance),
            fingerprint=said.provenance.get(PROVENANCE_FINGERPRINT),
        )
        if isinstance(said, Result)
        else said,
        exit_code=outcome.exit_code,
        engine_started_at=outcome.engine_started_at,
        engine_finished_at=outcome.engine_finished_at,
    )

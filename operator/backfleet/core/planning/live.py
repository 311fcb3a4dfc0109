"""What of a batch is live in the middle of a pass: its packs, their members, and what waits for another attempt."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from backfleet.core.backtests import BacktestState
from backfleet.core.changes import (
    CloseOutcome,
    DropWarm,
    EndPack,
    LaunchPack,
    MarkPack,
    RowChange,
    SetAside,
    SettleFailure,
    SettleResult,
)
from backfleet.core.packs import PackRecord
from backfleet.core.records import AttemptRecord


@dataclass(slots=True)
class Live:
    """What of a batch is live, while the changes of a decision are followed."""

    packs: dict[str, PackRecord] = field(default_factory=dict)
    members: dict[str, dict[int, AttemptRecord]] = field(default_factory=dict)
    queued: dict[int, AttemptRecord] = field(default_factory=dict)
    _ended: set[str] = field(default_factory=set)

    def note(self, change: RowChange, now: datetime) -> bool:
        """Follow a change. Return whether it settles the last member of a pack of several, by its outcome."""
        match change:
            case SettleResult() | SettleFailure() | SetAside():
                return self._settle(change, now)
            case MarkPack(pack=pack):
                self.packs[pack.id] = pack
            case EndPack(pack=pack):
                self._ended.add(pack.id)
            case LaunchPack(pack=pack, members=launches):
                self.packs[pack.id] = pack
                self.members[pack.id] = {each.attempt.index: each.attempt for each in launches}
                for each in launches:
                    self.queued.pop(each.attempt.index, None)
            case CloseOutcome() | DropWarm():
                pass
            case _:
                assert_never(change)
        return False

    def _settle(self, change: SettleResult | SettleFailure | SetAside, now: datetime) -> bool:
        attempt = change.attempt
        self.queued.pop(attempt.index, None)
        if (queued := _queued_after(change, now)) is not None:
            self.queued[attempt.index] = queued
        pack = self.packs.get(attempt.pack_id)
        if pack is None or not attempt.backtest_state.holds_slot:
            return False
        self.members.get(pack.id, {}).pop(attempt.index, None)
        if pack.unsettled > 1:
            self.packs[pack.id] = replace(pack, unsettled=pack.unsettled - 1)
            return False
        del self.packs[pack.id]
        self.members.pop(pack.id, None)
        return pack.size > 1 and pack.id not in self._ended


def _queued_after(change: SettleResult | SettleFailure | SetAside, now: datetime) -> AttemptRecord | None:
    """Return the attempt whose backtest waits for another one after this change, or None."""
    match change:
        case SettleFailure(state=BacktestState.QUEUED) | SetAside():
            pass
        case _:
            return None
    waits = replace(change.attempt, backtest_state=BacktestState.QUEUED, ended_at=now, pack_limit=change.pack_limit)
    if isinstance(change, SetAside):
        return replace(waits, warm_fingerprint=change.fingerprint)
    return replace(waits, reason=change.reason, charged=change.charged, uncharged=change.uncharged)

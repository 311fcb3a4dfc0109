"""What always holds of packs, in every generated world."""

from collections import Counter

from hypothesis.stateful import RuleBasedStateMachine, invariant

from backfleet.core.reasons import FailureReason
from tests.support.faults import FaultyWorld


class PackMachine(RuleBasedStateMachine):
    """A world whose packs are checked after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.world = FaultyWorld()

    @invariant()
    def a_pack_counts_its_members_that_have_not_ended(self) -> None:
        unsettled = Counter(each.pack_id for each in self.world.rows.attempts.values() if each.ended_at is None)
        for pack in self.world.rows.packs.values():
            assert pack.unsettled == unsettled[pack.id], pack.id

    @invariant()
    def no_pack_is_larger_than_its_members_allow(self) -> None:
        sizes = {pack.id: pack.size for pack in self.world.rows.packs.values()}
        for attempt in self.world.rows.attempts.values():
            if attempt.ended_at is None and attempt.pack_limit is not None:
                assert sizes[attempt.pack_id] <= attempt.pack_limit

    @invariant()
    def what_was_not_begun_counts_against_nothing(self) -> None:
        tried = Counter(
            (each.batch_uid, each.index)
            for each in self.world.rows.attempts.values()
            if each.ended_at is not None and each.reason is not FailureReason.NOT_BEGUN
        )
        for attempt in self.world.rows.attempts.values():
            if attempt.is_deciding:
                assert attempt.charged + attempt.uncharged <= tried[attempt.batch_uid, attempt.index]

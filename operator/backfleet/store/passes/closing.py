"""Closes in pieces what a batch leaves open at its end: one statement should not touch that many attempts."""

from sqlalchemy import Connection, Engine, text

from backfleet.core.changes import AttemptChange, BatchChanges
from backfleet.core.errors import Unavailable
from backfleet.store.passes import statements
from backfleet.store.postgres.fence import check_epoch
from backfleet.store.postgres.session import writing

PIECE = 5_000
PIECES_PER_SAVE = 20


def close_in_pieces(
    engine: Engine, installation: str, epoch: int, changes: BatchChanges, *, piece: int = PIECE
) -> None:
    """Close ended attempts of a batch that is about to finish, one piece per transaction, until one piece is left.

    They ended without an outcome, and a late one would count only until the batch's end. So a crash loses nothing, and
    the next pass continues. Attempts in the changes are left to them. Raise Unavailable if more is left than one save
    closes.
    """
    uid, kept = changes.after.uid, [each.attempt.id for each in changes.changes if isinstance(each, AttemptChange)]
    for _ in range(PIECES_PER_SAVE):
        with writing(engine, f"closing attempts of batch {uid}") as connection:
            check_epoch(connection, installation, epoch)
            if not _has_more_than(connection, uid, piece):
                return
            values = {"uid": uid, "kept": kept, "piece": piece}
            if not connection.execute(text(statements.CLOSE_PIECE), values).rowcount:
                return
    raise Unavailable(f"batch {uid} has more open attempts than one pass closes; the next pass continues")


def _has_more_than(connection: Connection, uid: str, piece: int) -> bool:
    count = connection.execute(text(statements.COUNT_OPEN), {"uid": uid, "most": piece + 1}).scalar_one()
    return int(count) > piece

"""Reads what a pass needs of a result, whose body is stored once, in `backtest_outcomes`: metrics, version and fingerprint.

Postgres checks whether the rest is readable (`migration/sql/bodies_0003.sql`), so no body leaves it until an answer
shows it.
"""

from sqlalchemy import Text, func

from backfleet.core.backtests import (
    PROVENANCE_ENGINE,
    PROVENANCE_FINGERPRINT,
    PROVENANCE_IMAGE,
    PROVENANCE_VERSION,
    Failure,
    engine_version_of,
)
from backfleet.core.reasons import FailureReason
from backfleet.core.records import Measured
from backfleet.store.tables.backtests import BacktestOutcome
from backfleet.store.tables.base import AnyRow

_PROVENANCE = (PROVENANCE_ENGINE, PROVENANCE_VERSION, PROVENANCE_IMAGE, PROVENANCE_FINGERPRINT)
BODY_COLUMNS = (
    BacktestOutcome.body["metrics"].label("metrics"),
    *(BacktestOutcome.body[("provenance", name)].astext.label(name) for name in _PROVENANCE),
    func.backfleet_unreadable(BacktestOutcome.body, type_=Text()).label("unreadable"),
)


def measured(row: AnyRow) -> Measured | Failure:
    """Return the result of a row with BODY_COLUMNS, or a failure if its body is not readable."""
    if row.unreadable is not None:
        # Only a recorder of another version writes one; it must not stop the pass of every batch.
        message = f"the recorded body cannot be read: its field {row.unreadable!r} is not what this version expects"
        return Failure(reason=FailureReason.RESULT_INVALID, message=message)
    provenance = {name: value for name in _PROVENANCE if (value := row._mapping[name]) is not None}
    return Measured(
        metrics=row.metrics,
        engine_version=engine_version_of(provenance),
        fingerprint=provenance.get(PROVENANCE_FINGERPRINT),
    )

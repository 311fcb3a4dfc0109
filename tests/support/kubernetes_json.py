"""The time of creation and the labels of all Kubernetes objects in these tests."""

from datetime import UTC, datetime, timedelta

from backfleet.core import wire

CREATED = "2026-01-05T09:00:00Z"
AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LABELS = {wire.LABEL_BATCH_UID: "batch-uid", wire.LABEL_INDEX: "7", wire.LABEL_ATTEMPT: "2"}


def minutes(count: int) -> datetime:
    return AT + timedelta(minutes=count)

"""What the operator writes into a status, the CRD accepts and keeps: nothing is refused, nothing is pruned."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from backfleet.core import wire
from backfleet.core.planning.observation import SeenBatch
from backfleet.core.planning.status import StatusInput, build_status, database_unavailable_status, refused_status
from backfleet.core.records import BatchRecord, BatchState, Best, Counters
from tests.support.manifests.crd import load_schema, schema_faults
from tests.support.manifests.specs import spec_body

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SEEN = SeenBatch(uid="0f5f1c1e", name="rsi", namespace="trading", generation=3, created_at=NOW, spec=spec_body())
RUNNING = BatchRecord(
    uid="0f5f1c1e",
    namespace="trading",
    name="rsi",
    state=BatchState.LIVE,
    spec=spec_body(),
    controls={},
    axes={},
    criteria={},
    total=1_000_000,
    counters=Counters(succeeded=400_000, failed=99_999, cancelled=1, passed=3),
    best=Best(index=999_999, value=-1.2345678e-300, parameter_texts={f"p{number}": "x" * 256 for number in range(64)}),
    accepted_at=NOW,
    first_engine_started_at=NOW,
)
FINISHED = replace(
    RUNNING,
    state=BatchState.FINISHED,
    finished_at=NOW,
    finish_reason=wire.REASON_NONE_SUCCEEDED,
    finish_message="x" * 5000,
)
BUSY = StatusInput(active=4, max_concurrent=4, waiting=["w" * 2000] * 9, drift="d" * 5000, conflict="c" * 5000)

STATUSES = {
    "running": build_status(SEEN, RUNNING, BUSY, NOW),
    "suspended": build_status(SEEN, RUNNING, StatusInput(active=0, max_concurrent=1, is_suspended=True), NOW),
    "counting": build_status(SEEN, replace(RUNNING, state=BatchState.COUNTING, total=None), BUSY, NOW),
    "finished": build_status(SEEN, FINISHED, BUSY, NOW),
    "refused": refused_status(SEEN, "m" * 5000, NOW),
    "without a database": database_unavailable_status(SEEN, "m" * 5000, NOW),
}


def pruned(body: Any, schema: dict[str, Any], path: str = "status") -> list[str]:
    """Return the fields that a server would drop because the schema does not know them."""
    if isinstance(body, list):
        return [gone for item in body for gone in pruned(item, schema["items"], path)]
    if not isinstance(body, dict) or "additionalProperties" in schema:
        return []
    known = schema.get("properties", {})
    gone = [f"{path}.{name}" for name in body if name not in known]
    return gone + [lost for name in body if name in known for lost in pruned(body[name], known[name], f"{path}.{name}")]


@pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES.keys())
def test_the_crd_accepts_a_status_of_the_largest_size_and_keeps_all_of_it(status):
    assert schema_faults({"spec": spec_body(), "status": status}) == []
    assert pruned(status, load_schema()["properties"]["status"]) == []


def test_the_crd_knows_every_condition_by_its_description():
    description = load_schema()["properties"]["status"]["properties"]["conditions"]["description"]
    conditions = [value for name, value in vars(wire).items() if name.startswith("CONDITION_")]
    assert [condition for condition in conditions if condition not in description] == []

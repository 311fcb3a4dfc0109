"""A world whose rows are made by hand, so that a test can break them one by one."""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from backfleet.core import wire
from backfleet.core.backtests import attempt_id
from backfleet.core.planning.observation import Limits
from tests.properties.world.facts import Facts
from tests.world.clock import START

NOW = START + timedelta(hours=1)
UID = "uid"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def attempt(index: int, number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return the row of an attempt that has ended well, in a pack of its own."""
    own = attempt_id(UID, index, number)
    row = {
        "attempt_id": own,
        "backtest_id": f"{UID}-{index}",
        "batch_uid": UID,
        "number": number,
        "index": index,
        "launched_at": at(100 * number),
        "ended_at": at(100 * number + 50),
        "reason": None,
        "is_charged": None,
        "pack_id": own,
        "size": 1,
        "job_name": f"job-{index}-{number}",
        "start_deadline_at": at(100 * number + 30),
        "hard_deadline_at": at(100 * number + 90),
        "waiting_since": None,
        "waiting_reason": None,
        "retry_at": None,
        "state": "succeeded",
        "is_deciding": True,
    }
    return row | changes


def pack(index: int, number: int = 1, size: int = 1) -> dict[str, Any]:
    return {
        "pack_id": attempt_id(UID, index, number),
        "batch_uid": UID,
        "index": index,
        "number": number,
        "size": size,
        "unsettled": 0,
    }


def job(name: str, **changes: Any) -> dict[str, Any]:
    """Return a Job of the first attempt that was there before that ended."""
    labels = {wire.LABEL_BATCH_UID: UID, wire.LABEL_INDEX: "0", wire.LABEL_ATTEMPT: "1"}
    meta = {"name": name, "namespace": "research", "labels": labels, "creationTimestamp": "2026-01-05T09:01:40Z"}
    return {"metadata": meta | changes}


def backtest(index: int, state: str, **changes: Any) -> dict[str, Any]:
    deciding = {"deciding_attempt_id": attempt_id(UID, index, 1), "attempt_count": 1, "pack_limit": None}
    given = {"id": f"{UID}-{index}", "batch_uid": UID, "index": index, "state": state, "charged": 0, "uncharged": 0}
    return given | deciding | changes


def outcome(index: int, kind: str) -> dict[str, Any]:
    given = {"attempt_id": attempt_id(UID, index, 1), "backtest_id": f"{UID}-{index}", "number": 1}
    return given | {"kind": kind, "recorded_at": at(140)}


def result(index: int) -> dict[str, Any]:
    given = {"backtest_id": f"{UID}-{index}", "batch_uid": UID, "attempt_id": attempt_id(UID, index, 1)}
    return given | {"passed": True, "criteria_version": 1}


def good_rows() -> dict[str, list[dict[str, Any]]]:
    """Return the rows of one finished batch: two backtests have succeeded, and the third has failed."""
    batch = {"uid": UID, "name": "demo", "namespace": "research", "state": "finished", "finished_at": at(900)}
    counts = {"total": 3, "succeeded": 2, "failed": 1, "cancelled": 0, "passed": 2, "stale_verdicts": 0}
    return {
        "batches": [batch | counts | {"criteria_version": 1}],
        "backtests": [backtest(0, "succeeded"), backtest(1, "succeeded"), backtest(2, "failed", charged=1)],
        "attempts": [attempt(0), attempt(1), attempt(2, reason="EngineError", is_charged=True, state="failed")],
        "outcomes": [outcome(0, "succeeded"), outcome(1, "succeeded"), outcome(2, "failed")],
        "results": [result(0), result(1)],
        "packs": [pack(index) for index in range(3)],
    }


@dataclass
class Broken:
    """A world of one finished batch, two of whose three backtests succeeded and one failed; a case breaks something of it."""

    limits: Limits = field(default_factory=Limits)
    problems: list[str] = field(default_factory=list)
    report: Any = None
    processes: list[Any] = field(default_factory=list)
    monitor: Any = field(
        default_factory=lambda: SimpleNamespace(violations=[], jobs={}, engines={}, named={}, late=set())
    )
    kube: Any = field(default_factory=lambda: SimpleNamespace(objects=SimpleNamespace(stored={})))
    batches: dict[str, Any] = field(default_factory=lambda: {UID: {"metadata": {"namespace": "research"}}})
    before: dict[str, str] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=good_rows)

    @property
    def facts(self) -> Facts:
        return Facts(NOW, **{name: tuple(deepcopy(rows)) for name, rows in self.rows.items()})

    def row(self, table: str, place: int = 0) -> dict[str, Any]:
        return self.rows[table][place]

    def change(self, table: str, place: int = 0, **values: Any) -> None:
        self.rows[table][place] |= values

    def go_on(self, **values: Any) -> None:
        """Let the first backtest run its first attempt still."""
        del self.rows["results"][0], self.rows["outcomes"][0]
        self.change("batches", state="running", succeeded=1, passed=1, finished_at=None)
        self.change("backtests", state="running")
        self.change("packs", unsettled=1)
        self.change("attempts", **{"state": "running", "ended_at": None} | values)

    def kill_a_pack(self, named: int, *limits: int | None) -> None:
        """Let a pack of all three have died as a whole while one ran, before each of them ran by itself."""
        for place, limit in enumerate(limits):
            later = attempt_id(UID, place, 2)
            self.change("backtests", place, attempt_count=2, deciding_attempt_id=later, pack_limit=limit)
            self.change("attempts", place, attempt_id=later, number=2, pack_id=later, launched_at=at(200))
            self.change("outcomes", place, attempt_id=later, recorded_at=at(240))
            died = {"reason": "OOMKilled", "pack_id": attempt_id(UID, 0, 1), "size": 3, "is_deciding": False}
            self.rows["attempts"].append(attempt(place, 1, **died))
        for place, result in enumerate(self.rows["results"]):
            result["attempt_id"] = attempt_id(UID, place, 2)
        self.rows["packs"] = [pack(0, 1, 3), *(pack(place, 2) for place in range(3))]
        self.monitor.named[UID, 0, 1] = (UID, named, 1)

"""The operator without processes: its real pass over the fake cluster, with rows in memory or in a real Postgres."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from backfleet.controller.applying import Applier
from backfleet.controller.cluster import ClusterPort
from backfleet.controller.passes import Passes, PassReport, Rows
from backfleet.core import wire
from backfleet.core.backtests import Failure, Outcome, Result
from backfleet.core.packs import PackRequest
from backfleet.core.planning.effects import Effect
from backfleet.core.planning.observation import Limits
from backfleet.core.reasons import FailureReason
from backfleet.settings import Settings
from tests.support.cluster import NAMESPACE, START, FakeCluster
from tests.support.memory import MemoryRows
from tests.support.rows import WorldRows


def batch_spec(**changes: Any) -> dict[str, Any]:
    """Return a spec for the noop engine with six combinations. Keyword arguments replace its fields."""
    spec: dict[str, Any] = {
        "strategy": {"name": "Noop"},
        "engine": {"name": "noop"},
        "data": {"symbols": ["AAPL"], "startDate": "2000-03-01", "endDate": "2001-03-01"},
        "parameters": [{"name": "value", "type": "int", "range": {"start": 1, "end": 6, "step": 1}}],
        "successCriteria": {},
    }
    return spec | changes


def values(count: int) -> list[dict[str, Any]]:
    """Return the parameters of a space with that many combinations."""
    return [{"name": "value", "type": "int", "range": {"start": 1, "end": count, "step": 1}}]


def build_settings(**changes: Any) -> Settings:
    """Return the operator's settings as the chart would give them."""
    body: dict[str, Any] = {
        "installation": "research/backfleet",
        "namespaces": [NAMESPACE],
        "engines": {name: {"image": "localhost/backfleet:test"} for name in ("bars", "lean", "noop")},
        "recorder": {"image": "localhost/backfleet:test", "secretName": "backfleet-recorder"},
    }
    return Settings.model_validate(body | changes)


def result(value: float | None = 1.0, **metrics: float | None) -> Outcome:
    """Return a recorder's report of success, with that Sharpe ratio and five trades unless `metrics` says otherwise."""
    measured = {"sharpe_ratio": value, "total_trades": 5} | metrics
    return Outcome(ending=Result(metrics=measured), exit_code=0)


def failure(reason: FailureReason = FailureReason.ENGINE_ERROR, message: str = "it broke") -> Outcome:
    """Return a recorder's report that an attempt failed."""
    return Outcome(ending=Failure(reason=reason, message=message), exit_code=1)


@dataclass
class Operator:
    """One process of the operator. A new one over the same world is a restart."""

    cluster: ClusterPort
    rows: WorldRows
    limits: Limits = field(default_factory=Limits)
    checkpoint: Callable[[Effect], None] = lambda _: None
    settings: Settings = field(default_factory=build_settings)
    clock: Callable[[], float] = time.monotonic
    """Seconds by which failing batches rest."""

    def __post_init__(self) -> None:
        applier = Applier(
            cluster=self.cluster, save=self.rows.take_over(), settings=self.settings, checkpoint=self.checkpoint
        )
        self.passes = Passes(
            cluster=self.cluster,
            rows=Rows(
                observe=lambda uids: self.rows.observe(uids),
                catalog=lambda: self.rows.catalog(),
                members=lambda ids: self.rows.members(ids),
                job_names=lambda ids: self.rows.job_names(ids),
            ),
            applier=applier,
            settings=self.settings,
            limits=self.limits,
            clock=self.clock,
        )

    def turn(self) -> PassReport:
        return self.passes.run()


@dataclass
class World:
    """A cluster, rows, a clock and an operator."""

    cluster: FakeCluster = field(default_factory=lambda: FakeCluster(now=START))
    rows: WorldRows = field(default_factory=lambda: MemoryRows(now=START))
    limits: Limits = field(default_factory=Limits)
    skew_seconds: float = 0.0
    """By how much the clock of the rows is ahead of the cluster's."""

    def __post_init__(self) -> None:
        self.restart()
        self.tick(0)

    def restart(self, checkpoint: Callable[[Effect], None] = lambda _: None, **settings: Any) -> None:
        """Start a new process of the operator, which remembers nothing; `settings` differ from what the chart gives."""
        self.operator = self._operator(build_settings(**settings), checkpoint)

    def _operator(self, settings: Settings, checkpoint: Callable[[Effect], None]) -> Operator:
        return Operator(
            self.cluster, self.rows, self.limits, checkpoint, settings, clock=lambda: self.cluster.now.timestamp()
        )

    def turn(self, times: int = 1) -> PassReport:
        report = self.operator.turn()
        for _ in range(times - 1):
            report = self.operator.turn()
        return report

    def tick(self, seconds: float) -> datetime:
        self.cluster.now += timedelta(seconds=seconds)
        self.rows.set_clock(self.cluster.now + timedelta(seconds=self.skew_seconds))
        return self.cluster.now

    def attempt_of(self, job: str) -> str:
        """Return the first attempt that a Job carries."""
        return self.members_of(job)[0]

    def members_of(self, job: str) -> list[str]:
        """Return the attempts that a Job carries, in order, as its recorder knows them."""
        env = self.cluster.jobs[job]["spec"]["template"]["spec"]["containers"][0]["env"]
        return PackRequest.from_json(next(each["value"] for each in env if each["name"] == wire.ENV_PACK)).attempt_ids

    def append(self, job: str, *outcomes: Outcome) -> None:
        """Let the recorder append outcomes of the first members of a Job, one each. The Job goes on."""
        for member, outcome in zip(self.members_of(job), outcomes, strict=False):
            self.rows.append_outcome(member, outcome)

    def record(self, job: str, outcome: Outcome, *, ends: bool = True) -> None:
        """Let the engine run, the recorder append that outcome of every member, and the Job end."""
        self.append(job, *[outcome] * len(self.members_of(job)))
        if ends:
            self.cluster.end_job(job, failed=isinstance(outcome.ending, Failure))

    def run_all(self, outcome: Callable[[str], Outcome] = lambda _: result(), turns: int = 500) -> None:
        """Let every active Job end with an outcome until nothing is active and a pass starts nothing more."""
        for _ in range(turns):
            self.turn()
            active = self.cluster.active_jobs
            if not active and all(b.finished_at for b in self.rows.batches.values()):
                return
            for job in active:
                outcomes = [outcome(member) for member in self.members_of(job)]
                self.append(job, *outcomes)
                self.cluster.end_job(job, failed=any(isinstance(each.ending, Failure) for each in outcomes))
            self.tick(1)
        raise AssertionError("the batches did not finish")

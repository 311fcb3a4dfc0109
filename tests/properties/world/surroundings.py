"""The cluster of a world, with its people: what they do to batches, namespaces and nodes, and how all is well again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backfleet.core import wire
from backfleet.core.planning.observation import Limits
from backfleet.settings import Settings
from tests.properties.world.process import limits_for
from tests.properties.world.stage import Stage
from tests.properties.world.trace import Trace
from tests.support.operator import batch_spec, build_settings, values
from tests.world.api_server import ApiServer
from tests.world.collecting import delete_namespace
from tests.world.fates import Fate, MemberRun, Plan
from tests.world.faults import Fault
from tests.world.history import Key
from tests.world.kinds import Json
from tests.world.kubernetes_world import KubernetesWorld
from tests.world.node_objects import TOLERATION
from tests.world.problems import Problem
from tests.world.recording import Ending, Recorder

NODES = ("fake-0", "fake-1")
ENGINES = ("bars", "noop")
IMAGE = "localhost/backfleet:test"


@dataclass(frozen=True)
class StageRecorder:
    """Records where Postgres is at that moment, or is not."""

    stage: Stage

    def record(self, pod: Json, fate: Fate, runs: Sequence[MemberRun]) -> Ending:
        ending = Recorder(self.stage.recorder_url).record(pod, fate, runs)
        self.stage.trace.note("recorded", pod["metadata"]["name"], ending.exit_code)
        return ending


@dataclass
class Surroundings:
    """An operator's cluster, which begins empty. `limit` is the operator's, as in its settings."""

    stage: Stage
    plan: Plan
    limit: int
    namespaces: Sequence[str]
    engines: tuple[str, ...] = ENGINES
    denied: set[str] = field(default_factory=set)
    """Namespaces where admission refuses Jobs; `forbidden` are those that the operator has no rights in."""
    forbidden: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    """Nodes whose machine is gone."""
    strangers: list[Key] = field(default_factory=list)
    """Jobs of others, under names that ours would have."""

    def __post_init__(self) -> None:
        self.stage.begin()
        self.kube = KubernetesWorld.begin(self.stage.api, StageRecorder(self.stage), self.plan, NODES)
        self.kube.clocks.append(self.stage.database.set_clock)
        self.kube.objects.rules.append(self._admit)
        self.limits: Limits = limits_for(self.settings)

    @property
    def api(self) -> ApiServer:
        return self.stage.api

    @property
    def trace(self) -> Trace:
        return self.stage.trace

    @property
    def now(self) -> datetime:
        return self.kube.objects.clock.now()

    @property
    def settings(self) -> Settings:
        return build_settings(
            maxConcurrent=self.limit,
            namespaces=tuple(self.namespaces),
            engines={name: {"image": IMAGE} for name in self.engines},
            roomTimeoutSeconds=120,
            passSeconds=600,
            recorder={"image": IMAGE, "secretName": "recorder", "patienceSeconds": 30, "startSeconds": 30},
            pods={"tolerations": [TOLERATION], "packSeconds": 20},
        )

    @property
    def batches(self) -> dict[str, Json]:
        """Every custom resource by its uid."""
        return {each["metadata"]["uid"]: each for each in self.kube.objects.all(wire.PLURAL)}

    def add_batch(
        self, name: str, *, count: int, limit: int, engine: str, namespace: str, per_job: int | str = 1
    ) -> str:
        """Apply a batch that is not there yet. Return its uid."""
        parameter = "value" if engine == "noop" else "lookback_period"
        spec = batch_spec(
            engine={"name": engine},
            strategy={"name": "Noop" if engine == "noop" else "Earnings_Momentum"},
            parameters=[values(count)[0] | {"name": parameter}],
            maxConcurrent=limit,
            backtestsPerJob=per_job,
            ttlSecondsAfterFinished=60,
            failurePolicy={"startTimeoutSeconds": 30, "backtestTimeoutSeconds": 30},
        )
        made = self.kube.objects.create(wire.PLURAL, namespace, {"metadata": {"name": name}, "spec": spec})
        return str(made["metadata"]["uid"])

    def add_good_batch(self) -> None:
        """Apply a batch that nothing stops, if there is a place for one."""
        closed = self.denied | self.forbidden | self.kube.objects.gone_namespaces | self.quotas
        for namespace in self.namespaces:
            if namespace not in closed:
                self.add_batch("good", count=1, limit=1, engine=min(self.engines), namespace=namespace)
                return

    def edit(self, uid: str, **spec: Any) -> None:
        batch = self.batches.get(uid)
        if batch is not None:
            meta = batch["metadata"]
            self.kube.objects.merge(wire.PLURAL, meta["namespace"], meta["name"], {"spec": spec})

    def delete(self, uid: str) -> None:
        batch = self.batches.get(uid)
        if batch is not None:
            self.kube.objects.delete(wire.PLURAL, batch["metadata"]["namespace"], batch["metadata"]["name"], uid)

    def forbid(self, namespace: str) -> None:
        """Take away the operator's rights in a namespace."""
        self.forbidden.add(namespace)
        for method in ("GET", "POST", "PATCH", "DELETE"):
            self.api.faults.append(
                Fault(f"/namespaces/{namespace}/", method, code=403, message="forbidden", times=1_000_000)
            )

    def allow(self, namespace: str) -> None:
        self.forbidden.discard(namespace)
        self.api.faults[:] = [each for each in self.api.faults if each.part != f"/namespaces/{namespace}/"]

    def delete_namespace(self, namespace: str) -> None:
        delete_namespace(self.kube.objects, namespace)
        self.kube.settle()

    def create_namespace(self, namespace: str) -> None:
        if namespace in self.kube.objects.gone_namespaces:
            self.kube.objects.create("namespaces", "", {"metadata": {"name": namespace}})

    def remove_strangers(self) -> None:
        for key in self.strangers:
            if key in self.kube.objects.stored:
                self.kube.objects.delete(*key)
        self.strangers.clear()

    def heal_nodes(self) -> None:
        """Bring back nodes that are cut off, and replace machines that are gone."""
        kubelet = self.kube.kubelet
        for node in sorted(self.lost):
            self.kube.objects.delete("nodes", "", node)
            self.kube.control_plane.settle()
        self.lost.clear()
        back = sorted(kubelet.cut_off)
        kubelet.cut_off.clear()
        kubelet.register()
        for node in back:
            kubelet.reconnect(node)
        self.kube.settle()

    def heal(self) -> None:
        """End every trouble, but for what the plan does to pods."""
        self.stage.restore_postgres()
        self.api.faults.clear()
        self.forbidden.clear()
        self.denied.clear()
        for quota in self.kube.objects.all("resourcequotas"):
            self.kube.objects.delete("resourcequotas", quota["metadata"]["namespace"], quota["metadata"]["name"])
        for namespace in self.namespaces:
            self.create_namespace(namespace)
        self.remove_strangers()
        self.heal_nodes()
        self.engines = ENGINES

    @property
    def quotas(self) -> set[str]:
        """Namespaces that have a quota."""
        return {quota["metadata"]["namespace"] for quota in self.kube.objects.all("resourcequotas")}

    def can_progress(self, uid: str) -> bool:
        """Report that nothing stops the batch: neither its author, nor its engine, nor its namespace."""
        batch = self.batches[uid]
        spec, namespace = batch["spec"], batch["metadata"]["namespace"]
        is_open = namespace not in self.denied | self.forbidden | self.quotas
        return is_open and not spec.get("suspend") and spec["engine"]["name"] in self.engines

    def _admit(self, _: Any, resource: str, item: Json) -> None:
        if resource == "jobs" and item["metadata"]["namespace"] in self.denied:
            raise Problem(
                403, "Forbidden", f'admission webhook "policy" denied the request for {item["metadata"]["name"]}'
            )

"""What may happen to a world: what people do, what a cluster does, and what processes and Postgres do; each kind adds rules."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition
from kubernetes.client import CustomObjectsApi

from backfleet.core.planning.job_names import job_name
from backfleet_api.cluster import KubernetesCluster
from tests.properties.world.machine import WorldMachine
from tests.properties.world.rules import BATCHES, PER_JOB, trouble
from tests.properties.world.stage import PATIENT_SECONDS
from tests.properties.world.surroundings import ENGINES, NODES
from tests.world.faults import Fault
from tests.world.problems import Problem

MOMENTS = st.one_of(st.tuples(st.just("GET"), st.integers(1, 7)), st.tuples(st.just("write"), st.integers(1, 5)))
"""Before the n-th read or write of a pass."""
CRITERIA = st.sampled_from([{}, {"minSharpe": 2.0}, {"maxTrades": 4}, None, {"minTrades": 9, "maxTrades": 5}])
"""What people write into a running batch; None takes its own criteria away, the last are not valid."""
FAULTS = st.sampled_from(
    [
        ("POST", "/jobs", {"kind": "unanswered"}),
        ("POST", "/jobs", {"kind": "close"}),
        ("POST", "/jobs", {"code": 409}),
        ("POST", "/jobs", {"code": 429, "headers": {"Retry-After": "20"}}),
        ("POST", "/jobs", {"code": 500}),
        ("POST", "/events", {"code": 403}),
        ("DELETE", "/jobs", {"kind": "unanswered"}),
        ("DELETE", "/jobs", {"kind": "close"}),
        ("PATCH", "/jobs", {"code": 403}),
        ("PATCH", "/status", {"kind": "unanswered"}),
        ("PATCH", "/status", {"kind": "close"}),
        ("PATCH", "/status", {"code": 409}),
        ("GET", "", {"code": 429, "headers": {"Retry-After": "5"}}),
        ("GET", "", {"code": 410}),
        ("GET", "/jobs", {"kind": "close"}),
        ("GET", "/pods", {"kind": "truncate"}),
        ("GET", "/jobs", {"kind": "garbage"}),
    ]
)


class PeopleTroubles(WorldMachine):
    """Authors suspend, resume, scale, edit, cancel and delete their batches, and apply others under the same names."""

    @precondition(lambda self: self.world.batches)
    @trouble(data=st.data())
    def a_batch_is_suspended_or_resumed(self, data: st.DataObject) -> None:
        uid = self.draw_batch(data)
        self.world.edit(uid, suspend=not self.world.batches[uid]["spec"].get("suspend", False))

    @precondition(lambda self: self.world.batches)
    @trouble(data=st.data(), limit=st.integers(1, 4))
    def a_batch_is_scaled(self, data: st.DataObject, limit: int) -> None:
        self.world.edit(self.draw_batch(data), maxConcurrent=limit)

    @precondition(lambda self: self.world.batches)
    @trouble(data=st.data(), per_job=PER_JOB)
    def its_packs_are_edited(self, data: st.DataObject, per_job: int | str) -> None:
        self.world.edit(self.draw_batch(data), backtestsPerJob=per_job)

    @precondition(lambda self: self.world.batches)
    @trouble(data=st.data(), criteria=CRITERIA)
    def its_criteria_are_edited(self, data: st.DataObject, criteria: dict[str, Any] | None) -> None:
        self.world.edit(self.draw_batch(data), successCriteria=criteria)

    @precondition(lambda self: self.world.batches)
    @trouble(data=st.data(), by_api=st.booleans())
    def a_batch_is_cancelled(self, data: st.DataObject, by_api: bool) -> None:
        uid = self.draw_batch(data)
        if not by_api:
            self.world.edit(uid, cancel=True)
            return
        meta = self.world.batches[uid]["metadata"]
        api = KubernetesCluster(CustomObjectsApi(self.stage.client("api")), PATIENT_SECONDS, PATIENT_SECONDS)
        api.edit_batch(meta["namespace"], meta["name"], uid, {"cancel": True})

    @precondition(lambda self: self.world.batches)
    @trouble(data=st.data(), batch=BATCHES, again=st.booleans())
    def a_batch_is_deleted(self, data: st.DataObject, batch: dict[str, Any], again: bool) -> None:
        """Delete a batch, and perhaps apply another one under its name."""
        uid = self.draw_batch(data)
        meta = self.world.batches[uid]["metadata"]
        self.world.delete(uid)
        if again:
            given = {**batch, "namespace": meta["namespace"]}
            del given["place"]
            self.world.add_batch(meta["name"], **given)

    @trouble(engine=st.sampled_from(ENGINES))
    def an_engine_is_taken_out_or_put_back(self, engine: str) -> None:
        self.world.engines = ENGINES if len(self.world.engines) < len(ENGINES) else (engine,)
        self.world.restart()


class ClusterTroubles(WorldMachine):
    """Nodes are cut off and lost, namespaces are closed, emptied and taken away, objects are deleted and copied by others."""

    @trouble(node=st.sampled_from(NODES))
    def a_node_is_cut_off_or_comes_back(self, node: str) -> None:
        kubelet = self.world.kube.kubelet
        if node in self.world.lost:
            self.world.heal_nodes()
        elif node in kubelet.cut_off:
            kubelet.reconnect(node)
        else:
            kubelet.cut_off.add(node)

    @trouble(node=st.sampled_from(NODES))
    def a_machine_is_lost(self, node: str) -> None:
        self.world.lost.add(node)
        self.world.kube.kubelet.lose(node)

    @trouble(place=st.integers(0, 1))
    def a_namespace_refuses_jobs_or_takes_them_again(self, place: int) -> None:
        self.world.denied ^= {self.namespace(place)}

    @trouble(place=st.integers(0, 1), what=st.sampled_from(["pods", "count/jobs.batch"]), most=st.integers(0, 1))
    def a_namespace_has_a_quota_or_none(self, place: int, what: str, most: int) -> None:
        objects, where = self.world.kube.objects, ("resourcequotas", self.namespace(place), "quota")
        if where in objects.stored:
            objects.delete(*where)
            return
        with suppress(Problem):  # the namespace is gone
            objects.create(*where[:2], {"metadata": {"name": "quota"}, "spec": {"hard": {what: str(most)}}})

    @precondition(lambda self: len(self.world.namespaces) > 1)
    @trouble()
    def a_namespace_is_forbidden_or_allowed(self) -> None:
        namespace = self.namespace(1)
        if namespace in self.world.forbidden:
            self.world.allow(namespace)
        else:
            self.world.forbid(namespace)

    @precondition(lambda self: len(self.world.namespaces) > 1)
    @trouble()
    def a_namespace_is_deleted_or_created(self) -> None:
        namespace = self.namespace(1)
        if namespace in self.world.kube.objects.gone_namespaces:
            self.world.create_namespace(namespace)
        else:
            self.world.delete_namespace(namespace)

    @precondition(lambda self: self.world.monitor.jobs)
    @trouble(data=st.data(), is_pod=st.booleans())
    def somebody_deletes_a_job_or_a_pod(self, data: st.DataObject, is_pod: bool) -> None:
        monitor = self.world.monitor
        items = monitor.pods if is_pod and monitor.pods else monitor.jobs
        meta = items[data.draw(st.sampled_from(sorted(items)))]["metadata"]
        self.world.kube.objects.delete("pods" if items is monitor.pods else "jobs", meta["namespace"], meta["name"])
        self.world.kube.settle()
        self.world.monitor.look()

    @precondition(lambda self: self.world.batches)
    @trouble(data=st.data(), index=st.integers(0, 2), number=st.integers(1, 2))
    def a_stranger_takes_the_name_of_a_job(self, data: st.DataObject, index: int, number: int) -> None:
        uid = self.draw_batch(data)
        meta, objects = self.world.batches[uid]["metadata"], self.world.kube.objects
        where = ("jobs", meta["namespace"], job_name(meta["name"], uid, index, number))
        body = {"metadata": {"name": where[2]}, "spec": {"suspend": True, "template": {"spec": {}}}}
        with suppress(Problem):  # the name is taken, or the namespace takes no Job
            objects.create(*where[:2], body)
            self.world.strangers.append(where)

    @precondition(lambda self: self.world.strangers)
    @trouble()
    def strangers_leave(self) -> None:
        self.world.remove_strangers()

    def namespace(self, place: int) -> str:
        return self.world.namespaces[place % len(self.world.namespaces)]


class ProcessTroubles(WorldMachine):
    """The operator dies with any of its writes, is away, or is two; and what happens in the middle of a pass."""

    @trouble(writes=st.integers(1, 8))
    def the_operator_dies_with_a_write(self, writes: int) -> None:
        """Let it die as soon as it has done so many writes, in one of its next turns, without an answer to the last one."""
        process = self.world.operator()
        process.writes_left = writes
        for _ in range(3):
            if not process.is_alive:
                return
            self.world.turn(process)
            self.check_invariants()
            self.world.step()
        process.writes_left = None

    @trouble(seconds=st.sampled_from([0, 61, 240, 600]))
    def the_operator_is_away(self, seconds: float) -> None:
        for process in self.world.processes:
            process.die()
        self.world.processes.clear()
        if seconds:
            self.world.advance(seconds)

    @precondition(lambda self: len(self.world.processes) < 2)
    @trouble()
    def a_second_operator_stands_by(self) -> None:
        self.world.turn(self.world.start())

    @trouble(moment=MOMENTS)
    def another_operator_takes_over_in_the_middle_of_a_pass(self, moment: tuple[str, int]) -> None:
        """Let another operator take over when the first one has lost the connection of its fence, and does not know."""
        first = self.world.operator()
        others = [each for each in self.world.processes if each is not first]

        def take_over() -> None:
            first.lose_fence()
            other = others[0] if others else self.world.start()
            other.turn()

        self.in_the_middle(moment, take_over)

    @trouble(data=st.data(), moment=MOMENTS, what=st.integers(0, 5))
    def something_happens_in_the_middle_of_a_pass(
        self, data: st.DataObject, moment: tuple[str, int], what: int
    ) -> None:
        if not self.world.batches:
            return
        uid, edit = self.draw_batch(data), self.world.edit
        acts: tuple[Callable[[], object], ...] = (
            partial(edit, uid, suspend=True),
            partial(edit, uid, maxConcurrent=1),
            partial(edit, uid, cancel=True),
            partial(self.world.delete, uid),
            partial(self.world.kube.advance, 5),
            partial(self.world.kube.advance, 30),
        )
        self.in_the_middle(moment, acts[what])

    def in_the_middle(self, moment: tuple[str, int], act: Callable[[], object]) -> None:
        """Act before the n-th call of a kind, in the first of some passes that has it; else after them."""
        self.world.interrupt, (self.world.call_kind, calls) = act, moment
        for _ in range(3):
            self.world.calls_left = calls
            self.disturbed_turn()
            if self.world.interrupt is None:
                return
            self.world.step()
        self.world.interrupt = None
        act()

    def disturbed_turn(self) -> None:
        self.world.is_excused = True
        self.world.turn()
        self.world.is_excused = False


class OutageTroubles(ProcessTroubles):
    """Postgres is away, read-only, or cut off in a transaction; calls of the API server go wrong."""

    @trouble(passes=st.integers(1, 2), is_standby=st.booleans(), seconds=st.sampled_from([0, 20, 90]))
    def postgres_is_away(self, passes: int, is_standby: bool, seconds: float) -> None:
        if is_standby:
            self.stage.make_read_only()
        else:
            self.stage.cut_postgres()
        for _ in range(passes):
            self.disturbed_turn()
            if seconds:
                self.world.advance(seconds)
        self.stage.restore_postgres()
        self.disturbed_turn()

    @trouble(tag=st.sampled_from([b"COMMIT\0", b"INSERT 0", b"UPDATE "]), times=st.integers(1, 3))
    def postgres_is_cut_off_in_a_transaction(self, tag: bytes, times: int) -> None:
        self.stage.cut_after(tag, times)
        self.disturbed_turn()
        self.stage.restore_postgres()
        self.disturbed_turn()

    @trouble(fault=FAULTS, after=st.integers(0, 2), times=st.integers(1, 2))
    def the_api_server_errs(self, fault: tuple[str, str, dict[str, Any]], after: int, times: int) -> None:
        method, part, how = fault
        self.one_fault(Fault(part, method, after=after, times=times, **how))

    @trouble(behind=st.sampled_from([3, 15, 40, 100]))
    def a_list_of_jobs_is_stale(self, behind: int) -> None:
        self.one_fault(Fault("/jobs", kind="stale", behind=behind, verb="list"))

    def one_fault(self, fault: Fault) -> None:
        self.world.api.faults.insert(0, fault)
        self.disturbed_turn()
        self.world.api.faults.remove(fault)


class EveryTrouble(PeopleTroubles, ClusterTroubles, OutageTroubles):
    """All of them in one world."""

"""A thousand Jobs on a real cluster whose pods run nowhere: `make soak-nodes`, by hand."""

import base64
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from hack.local import LocalBackfleet
from tests.e2e.conftest import connect, install
from tests.support.live import Live
from tests.support.observer import wait_until
from tests.support.operator import batch_spec, values
from tests.world.fates import Fate, Life, Plan
from tests.world.kinds import Json
from tests.world.kube_client import KubeClient
from tests.world.kubelet import Kubelet
from tests.world.node_objects import LABEL, VALUE
from tests.world.recording import Recorder

COUNT = 1000
MOST_AT_ONCE = 200
NODES = tuple(f"fake-{number}" for number in range(4))
WORKERS = 12
SECONDS = 1800
PROGRESS_SECONDS = 10.0
PORT = int(os.environ.get("BACKFLEET_SOAK_POSTGRES_PORT", "18231"))
PLACES = (
    f"operator.maxConcurrent={MOST_AT_ONCE}",
    f"backtests.nodeSelector.{LABEL.replace('.', chr(92) + '.')}={VALUE}",
    f"backtests.tolerations[0].key={LABEL},backtests.tolerations[0].operator=Exists",
)
FATES = {
    Fate.SUCCEEDS: 90,
    Fate.FAILS: 3,
    Fate.OOM_IN_ENGINE: 2,
    Fate.OOM_OF_CONTAINER: 1,
    Fate.CRASHES: 2,
    Fate.EVICTED: 2,
}


@dataclass(frozen=True)
class NotedPlan(Plan):
    """Notes how often each attempt began to live."""

    begun: Counter[str] = field(default_factory=Counter)

    def life_of(self, pod: Json) -> Life:
        labels = pod["metadata"]["labels"]
        self.begun[f"{labels['backfleet.io/index']}.{labels['backfleet.io/attempt']}"] += 1
        return super().life_of(pod)


def recorder_url(live: Live) -> str:
    """Return the recorder's URL, through the forwarded port."""
    secret = json.loads(live.kubectl("get", "secret", "backfleet-recorder", "-o", "json").stdout)
    url = urlsplit(base64.b64decode(secret["data"]["recorder-url"]).decode())
    return url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{PORT}").geturl()


@contextmanager
def simulated_nodes(live: Live, plan: Plan) -> Iterator[Future[None]]:
    """Add nodes to the real one until the block ends. Yield a future that is done only if the fake kubelet broke."""
    kubelet = Kubelet(KubeClient(live.api), Recorder(recorder_url(live)), plan, NODES, workers=WORKERS)
    stop = threading.Event()
    try:
        kubelet.register()
        with ThreadPoolExecutor(1) as pool:
            following = pool.submit(kubelet.follow, stop)
            try:
                yield following
            finally:
                stop.set()
        following.result()
    finally:
        kubelet.leave()


def manifest() -> dict[str, Any]:
    spec = batch_spec(parameters=values(COUNT), maxConcurrent=MOST_AT_ONCE, ttlSecondsAfterFinished=60)
    body = {"apiVersion": "backfleet.io/v1alpha1", "kind": "OptimizationBatch", "metadata": {"name": "thousand"}}
    return {**body, "spec": spec}


@pytest.mark.timeout(3600)
def test_a_thousand_jobs_end_and_none_twice(local: LocalBackfleet, capfd: pytest.CaptureFixture[str]) -> None:
    install(local, *PLACES)
    live = connect(local)
    local.forward_service(PORT, "backfleet-postgres", 5432)
    plan = NotedPlan(seed=13, weights=FATES, run_seconds=(5.0, 20.0))
    began = time.monotonic()
    with simulated_nodes(live, plan) as following, live.observe() as observer:
        uid = live.apply(manifest())

        def is_finished() -> bool:
            if following.done():
                following.result()
            status = live.batch("thousand").get("status", {})
            with capfd.disabled():
                print(f"  {time.monotonic() - began:5.0f} s  {status.get('progress', '')}", flush=True)
            return bool(status.get("finishedAt"))

        wait_until("the batch is finished", is_finished, SECONDS, PROGRESS_SECONDS)
        status = live.batch("thousand")["status"]
        live.delete("thousand")
        wait_until("nothing is left", lambda: not live.jobs(uid) and not live.pods(uid), 120)
    with capfd.disabled():
        print(f"{time.monotonic() - began:.0f} s, {status['succeeded']} succeeded, {status['failed']} failed")
    assert status["succeeded"] + status["failed"] == COUNT
    assert {attempt: times for attempt, times in plan.begun.items() if times > 1} == {}
    assert len({attempt.split(".")[0] for attempt in plan.begun}) == COUNT
    assert observer.most_alive <= MOST_AT_ONCE
    stored = f"SELECT state, count(*) FROM backtest_jobs WHERE batch_uid = '{uid}' GROUP BY state ORDER BY state"
    wanted = [["failed", str(status["failed"])], ["succeeded", str(status["succeeded"])]]
    assert live.psql(stored) == wanted

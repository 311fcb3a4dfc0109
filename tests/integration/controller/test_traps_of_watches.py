"""Traps of watches, kopf and the process, which runs as it does in a cluster: over a fake API server and a real Postgres."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.config import incluster_config

from backfleet.controller.handlers import Attention, watch
from backfleet.controller.main import kubernetes_client
from backfleet.core import wire
from tests.support.finished import add_batch, add_finished
from tests.support.launcher import NAMESPACE, SOON_SECONDS, Launcher, said, watched
from tests.support.operator import batch_spec, values
from tests.support.processes import START_SECONDS, wait_for
from tests.world.api_server import ApiServer
from tests.world.collecting import collect_garbage
from tests.world.faults import Fault

pytestmark = pytest.mark.postgres
TICK_SECONDS = 1
READY_SECONDS = 30.0


def uids(launcher: Launcher) -> set[str]:
    return {job["metadata"]["uid"] for job in launcher.jobs()}


@pytest.mark.parametrize("kind", ["silent", "too old"])
def test_a_job_that_is_deleted_while_its_watch_is_lost_is_noticed_by_the_next_tick(
    launcher: Launcher, api: ApiServer, kind: Any
) -> None:
    api.faults.append(Fault("/namespaces/research/", kind=kind, verb="watch", times=10**6))
    launcher.start(tickSeconds=TICK_SECONDS).wait_until_ready()
    wait_for("the watches", lambda: watched(api) == {wire.PLURAL, "jobs", "pods"}, SOON_SECONDS)
    launcher.add_batch(parameters=values(1))
    (job,) = wait_for("a Job without an event of its batch", launcher.jobs, SOON_SECONDS)
    api.objects.delete("jobs", NAMESPACE, job["metadata"]["name"])
    wait_for("another Job", lambda: uids(launcher) - {job["metadata"]["uid"]}, SOON_SECONDS)


def test_ten_thousand_finished_jobs_delay_no_start(launcher: Launcher, api: ApiServer) -> None:
    add_finished(api, add_batch(api), 10_000)
    began = time.monotonic()
    launcher.start().wait_until_ready(READY_SECONDS)
    wait_for("a Job of the batch", lambda: api.calls_of("POST", "/jobs"), READY_SECONDS)
    assert time.monotonic() - began < READY_SECONDS
    assert api.sent < 1_000_000, "none of them was read"


def test_a_process_that_stood_still_goes_on(launcher: Launcher, api: ApiServer) -> None:
    """As when its virtual machine is paused: meanwhile its watches end, and what they would have reported is forgotten."""
    operator = launcher.start(tickSeconds=TICK_SECONDS)
    operator.wait_until_ready()
    launcher.add_batch(parameters=values(1))
    wait_for("a Job", launcher.jobs, SOON_SECONDS)
    before = uids(launcher)
    operator.process.send_signal(signal.SIGSTOP)
    with api.objects.history.changed:
        for job in launcher.jobs():
            api.objects.delete("jobs", NAMESPACE, job["metadata"]["name"])
        api.objects.history.compact()
    operator.process.send_signal(signal.SIGCONT)
    wait_for("another Job", lambda: uids(launcher) - before, SOON_SECONDS)
    assert operator.ready()[0] == 200


class Jumping(asyncio.SelectorEventLoop):
    """An event loop that something blocked for so long: when it goes on, all that was to happen meanwhile is due at once."""

    blocked_seconds = 0.0

    def time(self) -> float:
        return super().time() + self.blocked_seconds


async def soon(what: str, holds: Callable[[], object]) -> None:
    until = time.monotonic() + SOON_SECONDS
    while not holds():
        assert time.monotonic() < until, f"{what}: not within {SOON_SECONDS:g} s"
        await asyncio.sleep(0.05)


def test_an_event_loop_that_was_blocked_for_90_seconds_follows_events_again(
    api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api.write_kubeconfig(tmp_path / "kubeconfig")))
    woken: list[float] = []

    async def scenario(loop: Jumping) -> None:
        watching = asyncio.create_task(watch([NAMESPACE], Attention(woken.append)))
        await soon("the watches", lambda: watched(api) == {wire.PLURAL, "jobs", "pods"})
        for number in range(3):
            loop.blocked_seconds += 90
            await soon("new watches", partial(has_watches, api, watches(api) + 3))
            woken.clear()
            api.objects.create(wire.PLURAL, NAMESPACE, {"metadata": {"name": f"b{number}"}, "spec": batch_spec()})
            await soon("an event", lambda: woken)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    with asyncio.Runner(loop_factory=Jumping) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Jumping)
        runner.run(scenario(loop))


def test_a_definition_that_is_deleted_under_a_live_batch_ends_no_process(launcher: Launcher, api: ApiServer) -> None:
    operator = launcher.start(tickSeconds=TICK_SECONDS)
    operator.wait_until_ready()
    launcher.add_batch()
    wait_for("a Job", launcher.jobs, SOON_SECONDS)
    with api.objects.history.changed:  # its watches end with it
        api.remove_definition()
        api.objects.history.compact()
    collect_garbage(api.objects)
    assert launcher.jobs() == [], "they go with their batch"
    wait_for("its problem", lambda: wire.PLURAL in str(operator.ready()[1].get("problem")), SOON_SECONDS)
    wait_for("the end of kopf", lambda: said(operator, "cannot watch events"), 4 * START_SECONDS)
    api.absent.clear()
    wait_for("that it works", lambda: operator.ready()[0] == 200, SOON_SECONDS)
    launcher.add_batch()
    wait_for("a Job of the new batch", launcher.jobs, SOON_SECONDS)
    assert operator.terminate(SOON_SECONDS) == 0


def test_a_token_that_is_rotated_lets_kopf_log_in_again(launcher: Launcher, api: ApiServer) -> None:
    operator = launcher.start()
    operator.wait_until_ready()
    wait_for("the watches", lambda: watched(api) == {wire.PLURAL, "jobs", "pods"}, SOON_SECONDS)
    api.write_kubeconfig(launcher.kubeconfig, "the-next-token")
    api.tokens = {"the-next-token"}
    with api.objects.history.changed:  # every watch ends: what it waits for is forgotten before it is sent
        launcher.add_batch()
        api.objects.history.compact()
    wait_for("watches with the new token", lambda: watchers(api, "the-next-token") == 3, SOON_SECONDS)
    assert operator.process.poll() is None


def watches(api: ApiServer) -> int:
    """Return how many watches were asked for."""
    return len([call for call in list(api.calls) if "watch" in call.query])


def has_watches(api: ApiServer, count: int) -> bool:
    return watches(api) >= count


def watchers(api: ApiServer, token: str) -> int:
    """Return how many resources are watched with a token."""
    return len({call.path for call in list(api.calls) if "watch" in call.query and call.token == token})


def test_a_token_that_is_rotated_is_read_again_by_the_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token, certificate = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("first")
    certificate.write_text("a certificate")
    now = datetime.now(UTC)
    clock = SimpleNamespace(datetime=SimpleNamespace(now=lambda: now), timedelta=timedelta)
    monkeypatch.setattr(incluster_config, "datetime", clock)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(certificate))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    client = kubernetes_client({"KUBERNETES_SERVICE_HOST": "127.0.0.1"})
    assert header(client) == "bearer first"
    token.write_text("second")
    now += timedelta(seconds=61)
    assert header(client) == "bearer second"


def header(client: Any) -> str:
    """Return what a call of the passes sends as its authorization."""
    headers: dict[str, str] = {}
    client.update_params_for_auth(headers, [], ["BearerToken"], None, None, None)
    return headers["authorization"]

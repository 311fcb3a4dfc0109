"""kopf's handlers: each checks whether an event matters, wakes the loop and returns. Nothing is decided here."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import kopf

from backfleet.controller.loop import SOON_SECONDS
from backfleet.core import wire

Signature = tuple[Any, ...]

RETRY_SECONDS = 5.0
REMEMBERED = 20_000
"""The most objects whose last event is remembered. Beyond that, an event that changes nothing may cause a pass."""
EXITING_SECONDS = 25.0
KOPF_ENDING_SECONDS = 8.0
"""kopf gives its own tasks 5 s, and cancels them then."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Attention:
    """Remembers the relevant state of each object, so that our own status writes wake nobody."""

    wake: Callable[[float], None]
    remembered: int = REMEMBERED
    _seen: dict[str, Signature] = field(default_factory=dict)

    def batch_event(self, event: Mapping[str, Any]) -> None:
        """Handle an event of a batch. Only its generation matters."""
        meta = event["object"]["metadata"]
        self._notice(event, (meta.get("generation"), "deletionTimestamp" in meta), 0.0)

    def job_event(self, event: Mapping[str, Any]) -> None:
        """Handle an event of a Job: its running pods and its end. Not urgent, since the end of its pod frees the slot.

        An ended Job disappears from the watch when it is settled and labelled, which does not matter.
        """
        status = event["object"].get("status") or {}
        ended = [c.get("type") for c in status.get("conditions") or [] if c.get("status") == "True"]
        if event["type"] == "DELETED" and {"Complete", "Failed"}.intersection(ended):
            self._seen.pop(event["object"]["metadata"]["uid"], None)
            return
        self._notice(event, (status.get("active"), status.get("ready"), tuple(ended)), SOON_SECONDS)

    def pod_event(self, event: Mapping[str, Any]) -> None:
        """Handle an event of a pod. Its end is urgent, since it frees a slot; other changes can wait for the next pass.

        The watch only has pods that have not ended, so a pod leaves it at its end as well as at its deletion.
        """
        if event["type"] == "DELETED":
            self.wake(0.0)

    def _notice(self, event: Mapping[str, Any], signature: Signature, within_seconds: float) -> None:
        uid = event["object"]["metadata"]["uid"]
        before = self._seen.pop(uid, None)
        if event["type"] != "DELETED":
            self._seen[uid] = signature
            if before == signature:
                return
            if (
                len(self._seen) > self.remembered
            ):  # the removal of some may have been missed; the one unheard of longest goes
                del self._seen[next(iter(self._seen))]
        self.wake(within_seconds)


async def watch(namespaces: Sequence[str], attention: Attention) -> None:
    """Run kopf until SIGTERM or SIGINT. Raise what ends it, except a 404.

    kopf tolerates a forbidden namespace, but ends if one is not served. Then it is started again; meanwhile ticks of
    the loop replace the events of all namespaces.
    """
    stopping, others = asyncio.Event(), asyncio.all_tasks()
    while not stopping.is_set():
        registry, settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
        register(registry, attention)
        configure(settings)
        tasks = await kopf.spawn_tasks(
            registry=registry, settings=settings, namespaces=namespaces, standalone=True, stop_flag=stopping
        )
        # In place of kopf's own, which lead nowhere once it has begun to end.
        _follow_signals(stopping)
        try:
            await _run_to_their_end(tasks, others)
        except Exception as error:
            if getattr(error, "status", None) != HTTPStatus.NOT_FOUND:
                raise
            logger.error("cannot watch events for %g s: %s", RETRY_SECONDS, error.args[0] if error.args else error)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), RETRY_SECONDS)


async def _run_to_their_end(tasks: Collection[asyncio.Task[Any]], others: set[asyncio.Task[Any]]) -> None:
    """Run kopf's tasks until one of them ends. End the rest within KOPF_ENDING_SECONDS. Raise the error of the first.

    kopf waits for ever on a watch that has no answer yet when kopf ends: the watch takes its cancellation for a pause, goes on,
    and is not cancelled again.
    """
    running = asyncio.create_task(kopf.run_tasks(tasks, ignored=others))
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    _, late = await asyncio.wait({running}, timeout=KOPF_ENDING_SECONDS)
    if late:
        left = asyncio.all_tasks() - others
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=KOPF_ENDING_SECONDS)
        for task in ended:
            task.result()
    else:
        running.result()


def _follow_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        stopping.set()
        loop.call_later(EXITING_SECONDS, os.kill, os.getpid(), signal.SIGKILL)

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop)


def register(registry: kopf.OperatorRegistry, attention: Attention) -> None:
    """Watch batches, our own Jobs and their pods; the selector is sent to the server by `configure`."""
    ours = {wire.LABEL_MANAGED_BY: wire.MANAGED_BY}

    @kopf.on.login(registry=registry)
    def _login(**arguments: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - kopf's own keyword arguments
        return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)

    @kopf.on.event(wire.GROUP, wire.VERSION, wire.PLURAL, registry=registry, id="batches")
    async def _batch(event: Mapping[str, Any], **_: object) -> None:
        attention.batch_event(event)

    @kopf.on.event("batch", "v1", "jobs", registry=registry, id="jobs", labels=ours)
    async def _job(event: Mapping[str, Any], **_: object) -> None:
        attention.job_event(event)

    @kopf.on.event("", "v1", "pods", registry=registry, id="pods", labels=ours)
    async def _pod(event: Mapping[str, Any], **_: object) -> None:
        attention.pod_event(event)


def configure(settings: kopf.OperatorSettings) -> None:
    """Configure kopf as an event source only: short timeouts, endless retries, no posting, scanning, peering or finalizers."""
    settings.watching.server_timeout = 240
    settings.watching.client_timeout = 270
    settings.watching.connect_timeout = 10
    settings.watching.reconnect_backoff = 1.0
    settings.watching.chunk_size = 500
    settings.watching.label_selectors["batch", "v1", "jobs"] = wire.UNSETTLED_SELECTOR
    settings.watching.label_selectors["", "v1", "pods"] = wire.JOB_SELECTOR
    settings.watching.field_selectors["", "v1", "pods"] = wire.UNFINISHED_PODS
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = _Patience()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.persistence.finalizer = f"{wire.GROUP}/none"
    # It would count from any end of kopf; ours counts from the signal.
    settings.process.ultimate_exiting_timeout = None


class _Patience:
    """Endless waits between retries: an outage of the API never ends the event source."""

    def __iter__(self) -> "_Patience":
        self._seconds = 0.5
        return self

    def __next__(self) -> float:
        self._seconds = min(self._seconds * 2, 15.0)
        return self._seconds

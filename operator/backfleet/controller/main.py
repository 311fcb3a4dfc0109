"""The command `backfleet-operator`: connects the loop to Kubernetes and Postgres, and lets kopf run the process."""

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Protocol

from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.config.config_exception import ConfigException

from backfleet.controller.applying import Applier
from backfleet.controller.cluster import Cluster, ClusterPort
from backfleet.controller.handlers import Attention, watch
from backfleet.controller.health import serve
from backfleet.controller.limits import limits_of
from backfleet.controller.logs import configure_logging
from backfleet.controller.loop import Loop
from backfleet.controller.passes import Passes, Rows
from backfleet.core.errors import BackfleetError, SpecInvalid
from backfleet.engines.registry import ENGINES
from backfleet.settings import Settings, load_settings
from backfleet.store.passes.observe import job_names, observe, read_members
from backfleet.store.passes.save import save
from backfleet.store.postgres.fence import Fence
from backfleet.store.postgres.session import open_engine
from backfleet.store.tables.strategies import load_catalog

logger = logging.getLogger(__name__)

STOP_SECONDS = 15.0
LISTEN_SECONDS = 5.0


class Listening(Protocol):
    """The source of notifications about outcomes: the fence's connection."""

    def wait(self, timeout_seconds: float) -> bool: ...


def main() -> None:
    """Run until SIGTERM. The exit code is 2 for invalid settings, and 1 if the event source died."""
    configure_logging(os.environ.get("BACKFLEET_LOG_LEVEL", "INFO"))
    try:
        settings, url = load_settings(os.environ)
        check_engines(settings)
        cluster = Cluster(kubernetes_client(os.environ))
        fence = Fence(url, settings.installation)
        loop = build_loop(settings, url, cluster, fence)
    except BackfleetError as error:
        logger.error("cannot start: %s", error)
        sys.exit(2)
    asyncio.run(run(settings, loop, fence))


def check_engines(settings: Settings) -> None:
    """Raise SpecInvalid if the settings name an engine that this version does not have."""
    if unknown := sorted(set(settings.engines) - set(ENGINES)):
        raise SpecInvalid(
            "engines", f"{', '.join(unknown)} is not an engine of this version", f"use {', '.join(sorted(ENGINES))}"
        )


def kubernetes_client(environment: Mapping[str, str]) -> ApiClient:
    """Create a client: in a pod with its service account, elsewhere with the kubeconfig that KUBECONFIG names."""
    configuration = Configuration()
    try:
        if "KUBERNETES_SERVICE_HOST" in environment:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except ConfigException as error:
        hint = "run in a pod with a service account, or set KUBECONFIG to a kubeconfig file"
        raise SpecInvalid("KUBECONFIG", str(error), hint) from error
    configuration.retries = 0
    return ApiClient(configuration)


def build_loop(settings: Settings, url: str, cluster: ClusterPort, fence: Fence) -> Loop:
    """Build the loop, with one pool of connections for rows and one connection for the fence."""
    engine = open_engine(url, application_name="backfleet-operator")
    installation = settings.installation

    def start_passes(epoch: int) -> Passes:
        return Passes(
            cluster=cluster,
            rows=Rows(
                observe=lambda uids: observe(engine, installation, uids),
                catalog=lambda: load_catalog(engine),
                members=lambda ids: read_members(engine, ids),
                job_names=lambda ids: job_names(engine, ids),
            ),
            applier=Applier(
                cluster=cluster,
                save=lambda changes: save(engine, installation, epoch, changes),
                settings=settings,
                checkpoint=lambda _: loop.beat(),
            ),
            settings=settings,
            limits=limits_of(settings),
            beat=loop.beat,
        )

    loop = Loop(fence=fence, start_passes=start_passes, tick_seconds=settings.tick_seconds)
    return loop


def listen(loop: Loop, fence: Listening, pause_seconds: float = LISTEN_SECONDS) -> None:
    """Wake the loop for every new outcome, until it stops.

    Health shows when it last listened, so that a thread that hangs or died is noticed.
    """
    while not loop.is_stopping:
        loop.health.last_listened_at = time.monotonic()
        try:
            if fence.wait(LISTEN_SECONDS):
                loop.wake_for_outcome()
        except Exception:
            # Meanwhile the loop's ticks replace the notifications.
            logger.exception("listening for outcomes failed; trying again in %g s", pause_seconds)
            loop.stopping_within(pause_seconds)


async def run(settings: Settings, loop: Loop, fence: Fence) -> None:
    """Run kopf in the foreground and the loop in its thread. Both end together."""
    health = serve(loop.health, settings.health_port, stale_seconds=settings.pass_seconds + 4 * settings.tick_seconds)
    thread = threading.Thread(target=loop.run, name="loop", daemon=True)
    thread.start()
    threading.Thread(target=listen, args=(loop, fence), name="listen", daemon=True).start()
    logger.info("operator started", extra={"namespaces": list(settings.namespaces)})
    try:
        await watch(settings.namespaces, Attention(loop.wake))
    finally:
        loop.stop()
        await asyncio.to_thread(thread.join, STOP_SECONDS)
        health.shutdown()
        logger.info("operator stopped")

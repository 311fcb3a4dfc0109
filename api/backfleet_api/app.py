"""Creates the app: connects settings, Postgres, Kubernetes and routes. Nothing is contacted before the first request."""

import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import FastAPI

from backfleet_api.cluster import BatchCluster, connect_cluster
from backfleet_api.dependencies import connect_services, present
from backfleet_api.http.counting import Requests
from backfleet_api.http.errors import install_translators
from backfleet_api.http.middleware import Edge
from backfleet_api.http.openapi import complete_openapi
from backfleet_api.page.files import PageFiles
from backfleet_api.page.routes import build_router
from backfleet_api.reading import analysis_routes as analysis
from backfleet_api.reading import backtest_routes as backtests
from backfleet_api.reading import batch_routes as batches
from backfleet_api.reading import catalog_routes as catalog
from backfleet_api.reading import docs_routes as docs
from backfleet_api.reading import export_routes as exports
from backfleet_api.reading import health_routes as health
from backfleet_api.settings import ENV_TOKEN, ENV_TOKEN_FILE, ApiSettings
from backfleet_api.version import version
from backfleet_api.writing import routes as writing

logger = logging.getLogger(__name__)

DESCRIPTION = """Batches of backtests that Backfleet runs on Kubernetes: their progress and their ranked results.

Times are RFC 3339 in UTC. Ratios are fractions (0.026, not 2.6 %), money is in the account's currency, and a missing number
is null. Unknown and repeated query parameters are errors. Errors are problem+json (RFC 9457)."""


def create_app(
    settings: ApiSettings, cluster: BatchCluster | None = None, now: Callable[[], datetime] = present
) -> FastAPI:
    """Create the ASGI app. Connect to the cluster of the process's environment unless `cluster` is given."""
    if cluster is None:
        cluster = connect_cluster(os.environ, settings.cluster_seconds, settings.cluster_write_seconds)
    services = connect_services(settings, cluster, now)
    if settings.token is None:
        logger.warning("writing is off: neither %s nor %s is set", ENV_TOKEN, ENV_TOKEN_FILE)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        logger.info("started, version %s, installation %s, namespace %s", version(), settings.realm, settings.namespace)
        yield
        services.close()
        logger.info("stopped")

    # The framework's own pages load their scripts from the internet; `docs` has one that does not.
    app = FastAPI(
        title="Backfleet", version=version(), description=DESCRIPTION, docs_url=None, redoc_url=None, lifespan=lifespan
    )
    app.state.services = services
    app.state.requests = Requests()
    reading = (health, batches, analysis, exports, backtests, catalog, docs)
    routers = (*(each.router for each in reading), writing.router, build_router(PageFiles()))
    for router in routers:
        app.include_router(router)
    complete_openapi(app, routers)
    install_translators(app, routers, settings.retry_after_seconds)
    app.add_middleware(Edge, requests=app.state.requests)
    return app

"""Health and counts: whether the API can answer, and whether its process is alive."""

import logging
from http import HTTPStatus

from fastapi import APIRouter, Depends, Request, Response

from backfleet.core.errors import NotMigrated, Unavailable
from backfleet.store.postgres.session import check_tables
from backfleet_api.dependencies import Provided
from backfleet_api.http.counting import MEDIA_TYPE, Requests
from backfleet_api.http.openapi import Responses, answers, file_answers
from backfleet_api.http.query import no_query
from backfleet_api.reading.lookup import NO_ANSWER, NOT_MIGRATED
from backfleet_api.schemas import examples
from backfleet_api.schemas.reading import Health, Liveness
from backfleet_api.settings import ApiSettings
from backfleet_api.version import SERVICE, version

NO_VOLUME = (
    "the evaluation Postgres has no volume: every result is lost with its pod. "
    "docs/deployment.md describes how to move the results to a volume."
)

logger = logging.getLogger(__name__)

router = APIRouter(tags=["health"], dependencies=[Depends(no_query)])

_UNAVAILABLE: Responses = {
    503: {
        "model": Health,
        "description": "Postgres does not answer, or has no schema",
        "content": {"application/json": {"example": examples.HEALTH_UNAVAILABLE}},
    }
}


@router.get("/health", responses=answers(examples.HEALTH, 422) | _UNAVAILABLE)
async def get_health(services: Provided, response: Response) -> Health:
    """Report whether the API can answer, by reading tables that exist: 200 or 503, for readiness probes."""
    try:
        await services.health.run(lambda: check_tables(services.health_engine))
    except Unavailable as error:
        logger.warning("not ready: %s", error)
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = str(services.settings.retry_after_seconds)
        if isinstance(error, NotMigrated):
            return _health(services.settings, "not migrated", NOT_MIGRATED)
        return _health(services.settings, "unavailable", NO_ANSWER)
    return _health(services.settings, "ok", None)


def _health(settings: ApiSettings, database: str, reason: str | None) -> Health:
    return Health(
        status="ok" if reason is None else "unavailable",
        service=SERVICE,
        version=version(),
        database=database,
        reason=reason,
        warnings=[] if settings.is_database_lasting else [NO_VOLUME],
    )


@router.get("/health/live", responses=answers(examples.LIVENESS, 422))
async def get_liveness() -> Liveness:
    """Report that the process is alive. This does not query Postgres, so that an outage restarts nothing."""
    return Liveness(status="ok")


@router.get(
    "/metrics", response_class=Response, responses=file_answers("text/plain", "counts and times for Prometheus", 422)
)
async def get_metrics(request: Request) -> Response:
    """Return how many requests were answered, and how long they took, as Prometheus reads it."""
    requests = request.app.state.requests
    assert isinstance(requests, Requests)
    return Response(requests.text(), media_type=MEDIA_TYPE)

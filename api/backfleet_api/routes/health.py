"""Health: whether the API can answer, and whether its process lives."""

from http import HTTPStatus

from fastapi import APIRouter, Depends, Response

from backfleet.core.errors import Unavailable
from backfleet.store.session import check
from backfleet_api import examples
from backfleet_api.dependencies import Provided
from backfleet_api.openapi import Responses, answers
from backfleet_api.query import no_query
from backfleet_api.schemas import Health, Liveness
from backfleet_api.version import SERVICE, version

router = APIRouter(tags=["health"], dependencies=[Depends(no_query)])

_UNAVAILABLE: Responses = {
    503: {
        "model": Health,
        "description": "Postgres does not answer",
        "content": {"application/json": {"example": examples.HEALTH_UNAVAILABLE}},
    }
}


@router.get("/health", responses=answers(examples.HEALTH, 422) | _UNAVAILABLE)
async def get_health(services: Provided, response: Response) -> Health:
    """Whether the API can answer, Postgres included: 200 or 503, for readiness probes."""
    try:
        await services.calls.run(lambda: check(services.engine), services.settings.health_seconds)
        database = "ok"
    except Unavailable:
        database = "unavailable"
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = str(services.settings.retry_after_seconds)
    status = "ok" if database == "ok" else "unavailable"
    return Health(status=status, service=SERVICE, version=version(), database=database)


@router.get("/health/live", responses=answers(examples.LIVENESS, 422))
async def get_liveness() -> Liveness:
    """The process answers; Postgres is not asked, so an outage restarts nothing."""
    return Liveness(status="ok")

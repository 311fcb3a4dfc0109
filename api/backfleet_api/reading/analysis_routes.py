"""What the results of a batch say together: by parameter, as a heat map, as columns."""

from fastapi import APIRouter, Depends, Response

from backfleet_api.dependencies import Provided
from backfleet_api.http.openapi import answers, binary_answers
from backfleet_api.http.query import BatchId, ColumnsParameters, HeatMapParameters, OrderedParameters, strict_query
from backfleet_api.reading import analysis, maps
from backfleet_api.schemas import examples
from backfleet_api.schemas.analysis import ColumnsHeader, HeatMapHeader, ParameterAnalysis

router = APIRouter(prefix="/api/optimization/batches", tags=["analysis"], dependencies=[Depends(strict_query)])


@router.get("/{batch_id}/parameters", responses=answers(examples.PARAMETER_ANALYSIS, 404, 422, 503))
async def get_parameters(services: Provided, batch_id: BatchId, query: OrderedParameters) -> ParameterAnalysis:
    """Return how a metric depends on each parameter: figures by value, importance, and whether the best is at an edge."""
    return await services.slow.run(lambda: analysis.analyse_parameters(services, batch_id, query))


@router.get("/{batch_id}/heat-map", response_class=Response, responses=binary_answers(HeatMapHeader, 404, 422, 503))
async def get_heat_map(services: Provided, batch_id: BatchId, query: HeatMapParameters) -> Response:
    """Return a metric over two parameters: a JSON header, then float32 blocks of values, neighbourhoods and counts."""
    return await services.slow.run(lambda: maps.draw_heat_map(services, batch_id, query))


@router.get("/{batch_id}/columns", response_class=Response, responses=binary_answers(ColumnsHeader, 404, 409, 422, 503))
async def get_columns(services: Provided, batch_id: BatchId, query: ColumnsParameters) -> Response:
    """Return up to 100,000 results as columns: a JSON header, then one block of four-byte numbers for each column."""
    return await services.slow.run(lambda: maps.read_columns(services, batch_id, query))

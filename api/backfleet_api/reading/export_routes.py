"""Results of a batch as files, streamed."""

from fastapi import APIRouter, Depends, Response

from backfleet_api.dependencies import Provided
from backfleet_api.http.openapi import file_answers
from backfleet_api.http.query import BatchId, ExportParameters, strict_query
from backfleet_api.http.streaming import stream
from backfleet_api.reading import exporting

CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
ABOUT = "every result that meets the filters, by index: parameters, verdict and all metrics"

router = APIRouter(prefix="/api/optimization/batches", tags=["results"], dependencies=[Depends(strict_query)])


@router.get("/{batch_id}/results.csv", response_class=Response, responses=file_answers(CSV, ABOUT, 404, 422, 503))
async def get_csv(services: Provided, batch_id: BatchId, query: ExportParameters) -> Response:
    """Return every result that meets the filters as CSV, by index. An absent metric is an empty field."""
    export = await services.slow.run(lambda: exporting.begin(services, batch_id, query))
    name = f"{export.batch.record.name}.csv"
    return await stream(services, exporting.csv_pieces(services, export), CSV, name)


@router.get(
    "/{batch_id}/results.parquet", response_class=Response, responses=file_answers(PARQUET, ABOUT, 404, 422, 503)
)
async def get_parquet(services: Provided, batch_id: BatchId, query: ExportParameters) -> Response:
    """Return every result that meets the filters as Parquet, by index. 404 where pyarrow is not installed."""
    await services.slow.run(exporting.load_parquet)
    export = await services.slow.run(lambda: exporting.begin(services, batch_id, query))
    name = f"{export.batch.record.name}.parquet"
    return await stream(services, exporting.parquet_pieces(services, export), PARQUET, name)

"""Results in bulk as CSV or Parquet: a piece of them in memory at a time, whatever their number."""

import importlib
import io
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from backfleet.core.analysis.grid import NUMERIC, Grid
from backfleet.core.backtests import backtest_id
from backfleet.core.errors import NotFound
from backfleet.core.metrics import METRICS
from backfleet.core.space.scalars import ParameterType, value_text
from backfleet.store.queries.answers import BatchAnswer
from backfleet.store.queries.exporting import read_lines
from backfleet.store.queries.filters import ResultFilters
from backfleet.store.queries.values import FigureQuery, read_figures
from backfleet_api.dependencies import Services
from backfleet_api.http.query import ExportQuery
from backfleet_api.reading.lookup import find_accepted, postgres
from backfleet_api.reading.results import filters_of, grid_of

GROUP_PIECES = 10
"""How many pieces are a group of rows in a Parquet file, which is compressed as a whole."""
_FIXED = ("backtest_id", "index", "passed", "rejections")


@dataclass(frozen=True, slots=True)
class Export:
    """What to export: the batch as it was when the request came, and which of its results."""

    batch: BatchAnswer
    grid: Grid
    filters: ResultFilters

    @property
    def parameter_columns(self) -> list[str]:
        """Return a name for each parameter's column: its own, unless another column has it."""
        taken = {*_FIXED, *METRICS}
        return [f"parameter.{name}" if name in taken else name for name in self.grid.names]


def begin(services: Services, wanted: str, query: ExportQuery) -> Export:
    """Find the batch. Raise NotFound without it, or ParameterMissing for a filter on what it does not have."""
    batch = find_accepted(services, wanted, query.namespace)
    return Export(batch, grid_of(batch), filters_of(batch, query))


async def csv_pieces(services: Services, export: Export) -> AsyncGenerator[bytes]:
    """Yield a header line, and then the results by index, piece by piece."""
    names = ["backtest_id", "index", *export.parameter_columns, "passed", "rejections", *METRICS]
    yield (",".join(map(_quoted, names)) + "\r\n").encode()
    texts, size = _Texts(export.grid, _quoted), services.settings.piece_rows
    uid, after = export.batch.record.uid, -1

    def read() -> tuple[bytes, int, int]:
        with postgres():
            lines = read_lines(services.engine, uid, list(METRICS), export.filters, after, size)
        rows = [
            f"{backtest_id(uid, line.index)},{line.index},{','.join(texts.of(line.index))},"
            f"{'true' if line.passed else 'false'},{line.rejections},{line.metrics}\r\n"
            for line in lines
        ]
        return "".join(rows).encode(), len(lines), lines[-1].index if lines else after

    while True:
        piece, count, after = await services.streams.run(read)
        if piece:
            yield piece
        if count < size:
            return


async def parquet_pieces(services: Services, export: Export) -> AsyncGenerator[bytes]:
    """Yield a Parquet file, a row group at a time."""
    import pyarrow  # noqa: PLC0415 - an extra
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    schema = pyarrow.schema(
        [
            ("index", pyarrow.int32()),
            *zip(
                export.parameter_columns,
                (_parquet_type(pyarrow, axis.type) for axis in export.grid.space.axes),
                strict=True,
            ),
            ("passed", pyarrow.bool_()),
            *((name, pyarrow.float64()) for name in METRICS),
        ]
    )
    sink = _Sink()
    writer = parquet.ParquetWriter(sink, schema)
    after, size = -1, services.settings.piece_rows * GROUP_PIECES

    def read() -> tuple[bytes, bool, int]:
        query = FigureQuery(metrics=list(METRICS), filters=export.filters, after=after, limit=size)
        with postgres():
            found = read_figures(services.engine, services.settings.realm, export.batch.record.uid, query)
        columns = [found.indexes, *_values(export.grid, found.indexes), [bool(each) for each in found.passed]]
        arrays = [pyarrow.array(column, kind) for column, kind in zip(columns, schema.types, strict=False)]
        arrays += [pyarrow.array(column, pyarrow.float64(), from_pandas=True) for column in found.metrics]
        if found.indexes:
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
        if not found.has_more:
            writer.close()
        return sink.take(), found.has_more, found.indexes[-1] if found.indexes else after

    has_more = True
    while has_more:
        piece, has_more, after = await services.streams.run(read)
        yield piece


def load_parquet() -> None:
    """Load pyarrow, which takes a while. Raise NotFound if this installation does not have it."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise NotFound(
            "this API cannot write Parquet: it lacks pyarrow. Install backfleet[parquet], or take results.csv."
        ) from error


class _Sink(io.RawIOBase):
    """A file that is taken away as it is written: only its position stays."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, piece: Any) -> int:  # noqa: ANN401 - whatever is a buffer
        self._pieces.append(bytes(piece))
        self._position += len(self._pieces[-1])
        return len(self._pieces[-1])

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken, self._pieces = b"".join(self._pieces), []
        return taken


class _Texts:
    """The texts of a combination from its index, each value's text computed once."""

    def __init__(self, grid: Grid, form: Callable[[str], str]) -> None:
        self._grid = grid
        self._form = form
        self._known: list[dict[int, str]] = [{} for _ in grid.counts]

    def of(self, index: int) -> Iterator[str]:
        """Yield the text of every parameter."""
        for axis, position in enumerate(self._grid.positions(index)):
            known = self._known[axis]
            if position not in known:
                known[position] = self._form(value_text(self._grid.space.axes[axis].value(position)))
            yield known[position]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(r'[,"\r\n]|^\s|\s$', text) else text


def _values(grid: Grid, indexes: Sequence[int]) -> Iterator[list[Any]]:
    for axis, stride, count in zip(grid.space.axes, grid.strides, grid.counts, strict=True):
        positions = [index // stride % count for index in indexes]
        known: dict[int, Any] = {position: axis.value(position) for position in set(positions)}
        if axis.type is ParameterType.FLOAT:
            known = {position: float(value) for position, value in known.items()}
        yield [known[position] for position in positions]


def _parquet_type(pyarrow: Any, kind: ParameterType) -> Any:  # noqa: ANN401 - an extra without types
    if kind in NUMERIC:
        return pyarrow.int64() if kind is ParameterType.INT else pyarrow.float64()
    return pyarrow.bool_() if kind is ParameterType.BOOL else pyarrow.string()

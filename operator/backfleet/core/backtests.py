"""Values of a backtest: its request from the controller, and the outcome that the recorder appends."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum, unique
from typing import Any

from backfleet.core.reasons import FailureReason

PROVENANCE_ENGINE, PROVENANCE_VERSION, PROVENANCE_IMAGE = "engine", "engineVersion", "engineImage"
"""Keys of a result's provenance: what computed it."""
PROVENANCE_FINGERPRINT = "fingerprint"
"""Key of a result's provenance: digests by which two runs of one backtest are compared, `name=digest` separated by spaces."""


@unique
class BacktestState(StrEnum):
    """The state of one backtest. A combination that was never launched has no row and counts as queued."""

    QUEUED = "queued"
    """It was launched before, and waits for another attempt."""
    LAUNCHING = "launching"
    """The row is committed; its Job may or may not exist yet."""
    RUNNING = "running"
    """Its Job was seen."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_alive(self) -> bool:
        return self in (BacktestState.QUEUED, BacktestState.LAUNCHING, BacktestState.RUNNING)

    @property
    def holds_slot(self) -> bool:
        return self in (BacktestState.LAUNCHING, BacktestState.RUNNING)


@unique
class Prices(StrEnum):
    """The adjustment of prices, by LEAN's data normalization modes."""

    ADJUSTED = "adjusted"
    """For splits and dividends: LEAN's default, and that of `bars`."""
    SPLIT_ADJUSTED = "splitAdjusted"
    """For splits; dividends are paid into cash."""
    RAW = "raw"
    """Not adjusted: dividends are paid into cash, splits change the position."""


def backtest_id(batch_uid: str, index: int) -> str:
    """Return the id of a backtest, for tables, URLs and logs."""
    return f"{batch_uid}-{index}"


def attempt_id(batch_uid: str, index: int, attempt: int) -> str:
    """Return the id of one attempt: the backtest's id, a dot, the 1-based attempt."""
    return f"{batch_uid}-{index}.{attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest:
    """What an engine must compute. `parameter_texts` maps names to exact texts (14, 0.005, true). Dates are inclusive.

    For LEAN only: the project's path, and within it the file to run (None: main.py) and the class in it. `prices` None is the
    installation's choice.
    """

    engine: str
    strategy: str
    lean_project_path: str | None = None
    lean_algorithm_file: str | None = None
    lean_algorithm_type: str | None = None
    parameter_texts: Mapping[str, str]
    symbols: tuple[str, ...]
    start_date: date
    end_date: date
    initial_cash: Decimal
    prices: Prices | None = None

    def to_json(self) -> str:
        """Write one line of JSON with sorted keys: equal requests give equal text, which fits in a variable (128 KiB).

        Without `prices` the text equals that of 0.2.0.
        """
        prices = {} if self.prices is None else {"prices": self.prices.value}
        return json.dumps(
            {
                "engine": self.engine,
                "strategy": self.strategy,
                "leanProjectPath": self.lean_project_path,
                "leanAlgorithmFile": self.lean_algorithm_file,
                "leanAlgorithmType": self.lean_algorithm_type,
                "parameters": dict(self.parameter_texts),
                "symbols": list(self.symbols),
                "startDate": self.start_date.isoformat(),
                "endDate": self.end_date.isoformat(),
                "initialCash": str(self.initial_cash),
                **prices,
            },
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        )

    @staticmethod
    def from_json(text: str) -> "BacktestRequest":
        """Parse what `to_json` wrote, also in 0.2.0, which had no `prices`. Raise ValueError or KeyError for anything else."""
        body = json.loads(text)
        prices = body.get("prices")
        return BacktestRequest(
            engine=body["engine"],
            strategy=body["strategy"],
            lean_project_path=body["leanProjectPath"],
            lean_algorithm_file=body["leanAlgorithmFile"],
            lean_algorithm_type=body["leanAlgorithmType"],
            parameter_texts={str(name): str(value) for name, value in body["parameters"].items()},
            symbols=tuple(body["symbols"]),
            start_date=date.fromisoformat(body["startDate"]),
            end_date=date.fromisoformat(body["endDate"]),
            initial_cash=Decimal(body["initialCash"]),
            prices=None if prices is None else Prices(prices),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding of an engine's own analysis of a run. `sample` is the first instance as text, `count` their number."""

    name: str
    issue: str
    sample: str | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a succeeded backtest measured.

    `metrics` maps names of `core.metrics` to numbers (fractions, not percents; money in account currency); absent is None,
    never 0, NaN or infinity. `statistics` is the engine's own text map, kept as it was. `equity_curve` is sampled to at most
    200 points (date, equity). `blocks` are 16 equal parts of the daily returns: (count, sum, sum of squares) each.
    `analysis` is what the engine itself found remarkable, where it analyses its runs (LEAN since 2026).
    """

    metrics: Mapping[str, float | int | None]
    statistics: Mapping[str, str] = field(default_factory=dict)
    equity_curve: tuple[tuple[date, float], ...] = ()
    blocks: tuple[tuple[int, float, float], ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    analysis: tuple[Finding, ...] = ()


def engine_version_of(provenance: Mapping[str, str]) -> str | None:
    """Return the text that distinguishes two versions of an engine.

    LEAN that was built from its sources names no build, so the image is part of it.
    """
    version, image = provenance.get(PROVENANCE_VERSION), provenance.get(PROVENANCE_IMAGE)
    if provenance.get(PROVENANCE_ENGINE) != "lean" or image is None:
        return version
    return f"{version or 'unknown'} ({image})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt failed. `message` is for people, at most 2,000 characters."""

    reason: FailureReason
    message: str


Ending = Result | Failure
"""How one attempt ended: with a result, or with a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a recorder appends for an attempt: its ending, the exit code and the engine's own times (UTC).

    Exit code and times are None if the shim left none.
    """

    ending: Ending
    exit_code: int | None = None
    engine_started_at: datetime | None = None
    engine_finished_at: datetime | None = None


def result_to_json(result: Result) -> dict[str, Any]:
    """Return the JSON body in which a result is stored and sent. `result_from_json` reads it back equal.

    An empty `analysis` is left out, so that a reader of an older version accepts the results of other engines.
    """
    body: dict[str, Any] = {
        "metrics": dict(result.metrics),
        "statistics": dict(result.statistics),
        "equityCurve": [[day.isoformat(), value] for day, value in result.equity_curve],
        "blocks": [list(block) for block in result.blocks],
        "warnings": list(result.warnings),
        "provenance": dict(result.provenance),
    }
    if result.analysis:
        body["analysis"] = [asdict(finding) for finding in result.analysis]
    return body


def result_from_json(body: Mapping[str, Any]) -> Result:
    """Parse what `result_to_json` wrote."""
    return Result(
        metrics=body["metrics"],
        statistics=body["statistics"],
        equity_curve=tuple((date.fromisoformat(day), value) for day, value in body["equityCurve"]),
        blocks=tuple((int(count), float(total), float(squares)) for count, total, squares in body["blocks"]),
        warnings=tuple(body["warnings"]),
        provenance=body["provenance"],
        analysis=tuple(Finding(**finding) for finding in body.get("analysis", ())),
    )

"""The command `backfleet-bars`: the backtests of a pack in the environment, or one from options."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TextIO

from backfleet.core.backtests import BacktestRequest, Result, result_to_json
from backfleet.engines.bars.backtest import load_bars, run, symbols_to_read
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.settings import BarsSettings
from backfleet.engines.bars.shared import Shared
from backfleet.engines.forking import results_folder, run_pack
from backfleet.engines.member_processes import Compute
from backfleet.engines.program import EXIT_ERROR, EXIT_OK, RESULT_FILE, EngineFailure, to_json, write_error, write_json


def main(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None, output: TextIO | None = None
) -> int:
    """Write result.json (or error.json) of each backtest, and return an exit code of `engines.program`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    environment = os.environ if environment is None else environment
    prepared = PreparedBars(environment, output)
    if not arguments:
        return run_pack("backfleet-bars", environment, prepared.prepare)
    # argparse costs more than the rest of the start, and a pod never needs it.
    from backfleet.engines.bars.options import parse_options  # noqa: PLC0415

    request, folder = parse_options(arguments, results_folder(environment))
    return prepared.prepare(request)(folder)


WARM_UP_AT = 10
"""The member before which a pack is warmed up: it costs what 20 members gain, so a small pack is better off without."""
WARM_UP_RUNS = 2


class Prepared(NamedTuple):
    """What backtests share: settings, bars, and what follows from them."""

    settings: BarsSettings
    series: tuple[Bars, ...]
    shared: Shared


class PreparedBars:
    """Settings and bars, and what follows from them, read once for all backtests that share them."""

    def __init__(self, environment: Mapping[str, str], output: TextIO | None = None) -> None:
        self._environment = environment
        self._output = output
        self._count = 0
        self._settings: BarsSettings | None = None
        self._prepared: dict[tuple[str, ...], Prepared] = {}

    def prepare(self, request: BacktestRequest) -> Compute:
        """Return what computes the request into a folder. The requests of a pack share all but their parameters."""
        try:
            self._settings = self._settings or BarsSettings.from_environment(self._environment)
            symbols = symbols_to_read(request)
            if symbols not in self._prepared:
                series = load_bars(request, self._settings)
                self._prepared[symbols] = Prepared(self._settings, series, Shared.of(series[0].days, self._settings))
        except (EngineFailure, OSError) as error:
            return partial(_fail, error)
        self._count += 1
        if self._count == WARM_UP_AT:
            _warm_up(request, self._prepared[symbols])
        return partial(_compute, request, self._prepared[symbols], self._output)


def _warm_up(request: BacktestRequest, prepared: Prepared) -> None:
    """Compute a backtest here, whatever becomes of it: Python adapts its code to what it does.

    Each member would do so for itself otherwise, in a copy of every page of code.
    """
    with suppress(Exception):
        for _ in range(WARM_UP_RUNS):
            result = run(request, prepared.series, prepared.settings, prepared.shared)
            to_json(result_to_json(result))
            summary(request, result)


def _compute(request: BacktestRequest, prepared: Prepared, output: TextIO | None, folder: Path) -> int:
    try:
        result = run(request, prepared.series, prepared.settings, prepared.shared)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder, RESULT_FILE, result_to_json(result))
    except (EngineFailure, OSError) as error:
        return _fail(error, folder)
    print(summary(request, result), file=output)
    return EXIT_OK


def _fail(error: EngineFailure | OSError, folder: Path) -> int:
    if not isinstance(error, EngineFailure):
        print(f"backfleet-bars: {error}", file=sys.stderr)
        return EXIT_ERROR
    print(f"backfleet-bars: {error.reason.value}: {error}", file=sys.stderr)
    write_error(folder, error.reason, str(error))
    return error.exit_code


def summary(request: BacktestRequest, result: Result) -> str:
    """Summarize a result in a few readable lines."""
    chosen = " ".join(f"{name}={value}" for name, value in request.parameter_texts.items())
    lines = [
        f"{request.strategy} on {' '.join(request.symbols)} {request.start_date}..{request.end_date} {chosen}".rstrip()
    ]
    for name, value in result.metrics.items():
        shown = "-" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value)
        lines.append(f"  {name:<28}{shown:>16}")
    lines += [f"  warning: {warning}" for warning in result.warnings]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

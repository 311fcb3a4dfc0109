"""The command `backfleet-bars`: one backtest, from a request in the environment or from options."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest, Result, result_to_json
from backfleet.engines.bars.backtest import load_bars, run
from backfleet.engines.bars.settings import BarsSettings
from backfleet.engines.program import EXIT_ERROR, EXIT_OK, RESULT_FILE, EngineFailure, write_error, write_json


def main(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None, output: TextIO | None = None
) -> int:
    """Run, write result.json (or error.json) and return the exit code of `engines.program`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    environment = os.environ if environment is None else environment
    folder = Path(environment.get(wire.ENV_RESULTS_PATH, wire.RESULTS_PATH))
    try:
        if arguments:
            # argparse costs more than the rest of the start, and a pod never needs it.
            from backfleet.engines.bars.options import parse_options  # noqa: PLC0415

            request, folder = parse_options(arguments, folder)
        else:
            request = _request(environment)
        settings = BarsSettings.from_environment(environment)
        result = run(request, load_bars(request, settings), settings)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder, RESULT_FILE, result_to_json(result))
    except EngineFailure as error:
        print(f"backfleet-bars: {error.reason.value}: {error}", file=sys.stderr)
        write_error(folder, error.reason, str(error))
        return error.exit_code
    except OSError as error:
        print(f"backfleet-bars: {error}", file=sys.stderr)
        return EXIT_ERROR
    print(summary(request, result), file=output)
    return EXIT_OK


def _request(environment: Mapping[str, str]) -> BacktestRequest:
    text = environment.get(wire.ENV_REQUEST)
    if not text:
        raise EngineFailure(f"{wire.ENV_REQUEST} is not set. Pass options instead; see backfleet-bars --help.")
    try:
        return BacktestRequest.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise EngineFailure(f"{wire.ENV_REQUEST}: expected a request as JSON: {error!r}") from error


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

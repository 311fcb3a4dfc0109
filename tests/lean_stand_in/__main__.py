"""`dotnet QuantConnect.Lean.Launcher.dll ARGUMENTS`: read arguments and configuration as LEAN does, then run."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from . import warm
from .arguments import Crash, parse_arguments, read_configuration
from .scenarios import run


def main(arguments: Sequence[str]) -> int:
    """Run the launcher and return the exit code. A problem before LEAN's own error handling begins is an abort (134)."""
    try:
        given = parse_arguments(arguments)
        configuration = read_configuration(Path(given.pop("config", "config.json")))
        if configuration is None:
            # LEAN goes on with the file next to it, whose sample algorithm writes into the launcher's folder.
            print("ERROR:: Config: the configuration file was not found, the default one is kept")
            return 0
        configuration |= given
        return warm.run(configuration) if warm.is_driver(configuration) else run(configuration)
    except Crash as crash:
        abort(crash)


def abort(crash: Exception) -> NoReturn:
    """Abort as .NET does on an exception that nobody catches."""
    print(f"Unhandled exception. {crash}", file=sys.stderr, flush=True)
    os.abort()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

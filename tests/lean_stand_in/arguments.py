"""The launcher's command line and configuration file, with the problems that make the real one crash."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

VALUED = (
    "config", "close-automatically", "results-destination-folder", "backtest-name", "algorithm-id", "optimization-id",
    "environment", "algorithm-type-name", "algorithm-language", "algorithm-location", "composer-dll-directory",
    "data-folder", "log-handler", "messaging-handler", "job-queue-handler", "api-handler", "map-file-provider",
    "factor-file-provider", "data-provider", "alpha-handler", "history-provider", "symbol-minute-limit",
    "symbol-second-limit", "symbol-tick-limit", "transaction-log", "job-user-id", "api-access-token",
    "job-organization-id", "live-data-url", "live-data-port",
)  # fmt: skip
FLAGS = ("force-exchange-always-open",)
NEEDED = (
    "algorithm-location", "algorithm-language", "job-queue-handler", "api-handler", "messaging-handler",
    "map-file-provider", "factor-file-provider", "data-provider", "data-folder",
)  # fmt: skip


class Crash(Exception):
    """An exception before the engine starts: no result, no log, exit code 134."""


def parse_arguments(words: Sequence[str]) -> dict[str, Any]:
    """Return the options with their values. Raise Crash for an unknown one, or one without a value."""
    found: dict[str, Any] = {}
    rest = list(words)
    while rest:
        name, equals, value = rest.pop(0).removeprefix("--").partition("=")
        if name in FLAGS:
            found[name] = True
        elif name not in VALUED:
            raise Crash(f"UnrecognizedCommandParsingException: Unrecognized option '--{name}'")
        elif not equals and not rest:
            raise Crash(f"CommandParsingException: Missing value for option '{name}'")
        else:
            found[name] = value if equals else rest.pop(0)
    return found


def read_configuration(path: Path) -> dict[str, Any] | None:
    """Return the file with its environment's keys on top, or None without a file. Raise Crash if it is not a configuration."""
    if not path.is_file():
        return None
    text = re.sub(r"^\s*//.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    try:
        body = json.loads(text)
    except ValueError as error:
        raise Crash(f"JsonReaderException: {error}") from error
    environment = body.get("environments", {}).get(body.get("environment"))
    if environment is None:
        raise Crash(f"ArgumentException: environment {body.get('environment')!r} is not defined")
    configuration = {**body, **environment}
    missing = [key for key in NEEDED if not configuration.get(key)]
    if missing:
        raise Crash(f"CompositionException: no value for {', '.join(missing)}")
    parameters = configuration.get("parameters", {})
    if not all(isinstance(value, str) for value in parameters.values()):
        raise Crash("JsonSerializationException: parameters is no map of texts")
    return dict(configuration)

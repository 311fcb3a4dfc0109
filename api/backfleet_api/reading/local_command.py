"""The command that runs one backtest on the reader's own machine. Pure."""

import shlex
from collections.abc import Mapping
from typing import Any

from backfleet.core.spec.defaults import INITIAL_CASH


def local_command(spec: Mapping[str, Any], engine: str, texts: Mapping[str, str]) -> str | None:
    """Return the shell command that computes the combination outside of a cluster. None if the engine has no such command.

    For `bars` it is Backfleet's own program; the market data of the installation must be at hand. For `lean` it is that of
    LEAN's command line, in a folder with the project: the period is what the project sets itself.
    """
    strategy, data = spec.get("strategy") or {}, spec.get("data") or {}
    match engine:
        case "bars":
            words = ["backfleet-bars", "--strategy", str(strategy.get("name"))]
            for symbol in data.get("symbols") or []:
                words += ["--symbol", str(symbol)]
            words += ["--start", str(data.get("startDate")), "--end", str(data.get("endDate"))]
            words += ["--cash", str(data.get("initialCash", INITIAL_CASH))]
            words += ["--prices", str(data["prices"])] if data.get("prices") else []
            for name, text in texts.items():
                words += ["--set", f"{name}={text}"]
            return shlex.join([*words, "--results", "result"])
        case "lean":
            project = strategy.get("leanProjectPath") or strategy.get("name")
            words = ["lean", "backtest", str(project)]
            image = (spec.get("engine") or {}).get("image")
            words += ["--image", str(image)] if image else []
            for name, text in texts.items():
                words += ["--parameter", name, text]
            return shlex.join(words)
        case _:
            return None

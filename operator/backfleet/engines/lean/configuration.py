"""The complete LEAN configuration of each backtest of a pack. Pure.

It replaces the image's own config.json (`--config`): otherwise the sample parameters of that file would reach the run. LEAN
can receive symbols, dates and cash only as parameters, so the configuration adds four parameters. Members of a pack differ in
their results folder and their own parameters: the rest travels once.
Sources: Launcher/config.json and Queues/JobQueue.cs of QuantConnect/Lean.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest
from backfleet.core.packs import PackRequest
from backfleet.engines.lean.layout import ALGORITHM_ID
from backfleet.engines.protocol import EngineConfig

PYTHON_FILE = "main.py"
CONFIG_PATH = f"{wire.SCRATCH_PATH}/lean-config.json"
OBJECT_STORE = f"{wire.SCRATCH_PATH}/lean-storage"
START_SECONDS = 300
"""The limit for creating and for initializing the algorithm: a throttled CPU takes long to import LEAN's Python packages."""

_ENVIRONMENT = "backtesting"
_HANDLERS: Mapping[str, Any] = {
    "live-mode": False,
    # Newer images have BacktestingSetupHandler and keep this name as its alias: it works in old and new images.
    "setup-handler": "QuantConnect.Lean.Engine.Setup.ConsoleSetupHandler",
    "result-handler": "QuantConnect.Lean.Engine.Results.BacktestingResultHandler",
    "data-feed-handler": "QuantConnect.Lean.Engine.DataFeeds.FileSystemDataFeed",
    "real-time-handler": "QuantConnect.Lean.Engine.RealTime.BacktestingRealTimeHandler",
    "history-provider": "QuantConnect.Lean.Engine.HistoricalData.SubscriptionDataReaderHistoryProvider",
    "transaction-handler": "QuantConnect.Lean.Engine.TransactionHandlers.BacktestingTransactionHandler",
}
_FIXED: Mapping[str, Any] = {
    "environment": _ENVIRONMENT,
    "environments": {_ENVIRONMENT: dict(_HANDLERS)},
    "live-mode": False,
    # Otherwise LEAN waits for a key press at the end.
    "close-automatically": True,
    "debugging": False,
    "python-venv": "",
    "algorithm-id": ALGORITHM_ID,
    "object-store-root": OBJECT_STORE,
    "object-store": "QuantConnect.Lean.Engine.Storage.LocalObjectStore",
    # LEAN's default is one per CPU of the node.
    "data-feed-workers-count": 1,
    "algorithm-creation-timeout": START_SECONDS,
    "initialization-timeout": START_SECONDS,
    "log-handler": "QuantConnect.Logging.CompositeLogHandler",
    "messaging-handler": "QuantConnect.Messaging.Messaging",
    "job-queue-handler": "QuantConnect.Queues.JobQueue",
    "api-handler": "QuantConnect.Api.Api",
    "map-file-provider": "QuantConnect.Data.Auxiliary.LocalDiskMapFileProvider",
    "factor-file-provider": "QuantConnect.Data.Auxiliary.LocalDiskFactorFileProvider",
    # From disk only.
    "data-provider": "QuantConnect.Lean.Engine.DataFeeds.DefaultDataProvider",
    "alpha-handler": "QuantConnect.Lean.Engine.Alphas.DefaultAlphaHandler",
    "job-user-id": "0",
    "api-access-token": "",
    "job-organization-id": "",
}


def build_configuration(request: BacktestRequest, *, projects_folder: str, data_folder: str) -> dict[str, Any]:
    """Build every key that LEAN needs for `request` but its results folder and parameters.

    Raise ValueError without a LEAN project; acceptance excludes that.
    """
    if not request.lean_project_path:
        raise ValueError(f"the request for {request.strategy} does not name a LEAN project")
    file = request.lean_algorithm_file or PYTHON_FILE
    is_python = file.endswith(".py")
    return {
        **_FIXED,
        "algorithm-language": "Python" if is_python else "CSharp",
        "algorithm-location": str(PurePosixPath(projects_folder, request.lean_project_path, file)),
        "algorithm-type-name": request.lean_algorithm_type or (PurePosixPath(file).stem if is_python else ""),
        "backtest-name": request.strategy,
        "data-folder": data_folder,
    }


def parameter_texts_of(request: BacktestRequest) -> dict[str, str]:
    """Return the batch's parameters as exact texts, and the four for symbols, dates (inclusive) and cash."""
    return {**request.parameter_texts, **common_parameters(request)}


def common_parameters(request: BacktestRequest) -> dict[str, str]:
    """Return the parameters for symbols, dates (inclusive) and cash."""
    return {
        wire.PARAMETER_SYMBOLS: ",".join(request.symbols),
        wire.PARAMETER_START_DATE: request.start_date.isoformat(),
        wire.PARAMETER_END_DATE: request.end_date.isoformat(),
        wire.PARAMETER_INITIAL_CASH: f"{request.initial_cash:f}",
    }


def build_config(pack: PackRequest, configuration: Mapping[str, Any]) -> EngineConfig:
    """Build the file of each member of a pack from what they have in common."""
    return EngineConfig(
        path=CONFIG_PATH,
        head=render(configuration).removesuffix("}") + ',"results-destination-folder":"',
        middle='","parameters":{',
        tail=render(common_parameters(pack.common)).removeprefix("{") + "}",
        lines=tuple(_line(each.parameter_texts) for each in pack.members),
    )


def _line(texts: Mapping[str, str]) -> str:
    # The common parameters follow, so that a parameter of the batch never takes the place of one of them.
    return render(texts)[1:-1] + "," if texts else ""


def render(body: Mapping[str, Any]) -> str:
    """Render JSON in one line without needless escapes: it travels in variables, which Linux limits to 128 KiB."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

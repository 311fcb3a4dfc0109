"""The complete LEAN configuration of one backtest. Pure.

It replaces the image's own config.json (`--config`): otherwise the sample parameters of that file would reach the run. LEAN
can receive symbols, dates and cash only as parameters, so the configuration adds four parameters.
Sources: Launcher/config.json and Queues/JobQueue.cs of QuantConnect/Lean.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest
from backfleet.engines.lean.layout import ALGORITHM_ID

PYTHON_FILE = "main.py"
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
    "results-destination-folder": wire.RESULTS_PATH,
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
    """Build every key that LEAN needs for `request`. Raise ValueError without a LEAN project; acceptance excludes that."""
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
        "parameters": parameter_texts_of(request),
    }


def parameter_texts_of(request: BacktestRequest) -> dict[str, str]:
    """Return the batch's parameters as exact texts, and the four for symbols, dates (inclusive) and cash."""
    return {
        **request.parameter_texts,
        wire.PARAMETER_SYMBOLS: ",".join(request.symbols),
        wire.PARAMETER_START_DATE: request.start_date.isoformat(),
        wire.PARAMETER_END_DATE: request.end_date.isoformat(),
        wire.PARAMETER_INITIAL_CASH: f"{request.initial_cash:f}",
    }


def render(configuration: Mapping[str, Any]) -> str:
    """Render the file's text without needless escapes: it travels in one variable, which Linux limits to 128 KiB."""
    return json.dumps(configuration, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

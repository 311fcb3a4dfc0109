"""A process of the launcher whose algorithm is Backfleet's driver: LEAN imports it, and it runs the backtests."""

import importlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import dotnet, quantconnect
from .scenarios import START_SECONDS, begin, select

ENTRY = "backfleet_warm_main.py"
MISSING = os.environ.get("LEAN_STAND_IN_MISSING_NAME")
"""The private name that this LEAN does not have."""
MODULES: Mapping[str, tuple[str, ...]] = {
    "QuantConnect": ("Globals", "SymbolCache"),
    "QuantConnect.Algorithm": ("QCAlgorithm",),
    "QuantConnect.Configuration": ("Config",),
    "QuantConnect.Data": ("InterestRateProvider",),
    "QuantConnect.Lean.Engine": ("AlgorithmManager", "Engine", "Initializer"),
    "QuantConnect.Lean.Engine.DataFeeds": ("TextSubscriptionDataSourceReader",),
    "QuantConnect.Lean.Engine.Storage": ("LocalObjectStore",),
    "QuantConnect.Logging": ("ConsoleLogHandler", "Log"),
    "QuantConnect.Orders": ("MarketOnCloseOrder",),
    "QuantConnect.Python": ("PythonInitializer",),
    "QuantConnect.Securities": ("MarketHoursDatabase", "SymbolPropertiesDatabase"),
    "QuantConnect.Util": ("Composer", "WorkerThread"),
}


def is_driver(configuration: Mapping[str, Any]) -> bool:
    """Report whether the algorithm is Backfleet's driver."""
    return Path(str(configuration.get("algorithm-location"))).name == ENTRY


def run(configuration: Mapping[str, Any]) -> int:
    """Import the driver as LEAN does. It ends the process itself."""
    time.sleep(START_SECONDS)
    location = select(*begin(configuration))
    dotnet.install(dotnet.MODULES)
    modules = {
        module: {name: getattr(quantconnect, name) for name in names if name != MISSING}
        for module, names in MODULES.items()
    }
    dotnet.install(modules)
    quantconnect.QCAlgorithm.PRIVATE = tuple(each for each in quantconnect.QCAlgorithm.PRIVATE if each != MISSING)
    # LEAN makes its object store before it imports the algorithm: it is there when the first backtest begins.
    Path(configuration["object-store-root"]).mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(location.parent))
    importlib.import_module(location.stem)
    return 1

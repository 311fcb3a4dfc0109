"""The settings of `bars`, from the engine's environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backfleet.core import wire
from backfleet.core.backtests import Prices
from backfleet.engines.bars.fees import Fee, interactive_brokers, parse_fee
from backfleet.engines.bars.market_data import PACKAGED_FOLDER
from backfleet.engines.program import EngineFailure
from backfleet.engines.risk_free import RiskFreeRates, read_rates

RATES_OF_FILE = "file"
_PRICES_BY_FACTOR_FILES = {"apply": Prices.SPLIT_ADJUSTED, "ignore": Prices.RAW}


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsSettings:
    """Fees, the annual risk-free rate, the folder of market data, and the price mode for batches that set none."""

    fee: Fee = interactive_brokers
    risk_free_rate: float = 0.0
    rates: RiskFreeRates | None = None
    """The rates in the data folder's file, in place of the single rate."""
    data_folder: Path = PACKAGED_FOLDER
    prices: Prices = Prices.ADJUSTED
    warnings: tuple[str, ...] = ()

    @property
    def risk_free(self) -> RiskFreeRates:
        """Return the rate of each day."""
        return self.rates or RiskFreeRates.constant(self.risk_free_rate)

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> "BarsSettings":
        """Read the variables and the file of rates. EngineFailure names an invalid variable."""
        folder = Path(environment.get(wire.ENV_DATA_FOLDER) or PACKAGED_FOLDER)
        text = environment.get(wire.ENV_BARS_RISK_FREE_RATE, RATES_OF_FILE)
        prices, warnings = _prices(environment)
        return BarsSettings(
            fee=parse_fee(environment.get(wire.ENV_BARS_FEES, "ib")),
            risk_free_rate=0.0 if text == RATES_OF_FILE else _rate(text),
            rates=read_rates(folder) if text == RATES_OF_FILE else None,
            data_folder=folder,
            prices=prices,
            warnings=warnings,
        )


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 2.0
    if not -1 < rate < 1:
        raise EngineFailure(
            f"{wire.ENV_BARS_RISK_FREE_RATE}: expected file, or an annual rate such as 0.02, got {text[:40]!r}"
        )
    return rate


def _prices(environment: Mapping[str, str]) -> tuple[Prices, tuple[str, ...]]:
    """Return the price mode. Without the new variable, that of 0.2.0 still counts, with a warning."""
    text = environment.get(wire.ENV_BARS_PRICES)
    old = environment.get(wire.ENV_BARS_FACTOR_FILES)
    if text is not None:
        if text not in list(Prices):
            names = ", ".join(Prices)
            raise EngineFailure(f"{wire.ENV_BARS_PRICES}: expected one of {names}, got {text[:40]!r}")
        return Prices(text), ()
    if old is None:
        return Prices.ADJUSTED, ()
    if old not in _PRICES_BY_FACTOR_FILES:
        raise EngineFailure(f"{wire.ENV_BARS_FACTOR_FILES}: expected apply or ignore, got {old[:40]!r}")
    prices = _PRICES_BY_FACTOR_FILES[old]
    advice = f"{wire.ENV_BARS_FACTOR_FILES}={old} is deprecated. Set {wire.ENV_BARS_PRICES}={prices.value} instead."
    return prices, (advice,)

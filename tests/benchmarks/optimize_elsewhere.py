"""What backtesting.py's `optimize` needs for the same search: run in an environment of its own, which has backtesting.py.

    python optimize_elsewhere.py BARS.csv FAST SLOW      FAST and SLOW: how many values each average has

Prints the seconds from reading the bars to the best combination, as JSON. backtesting.py is under the AGPL: it is measured
here and is no part of Backfleet.
"""

import csv
import json
import sys
import time
from datetime import datetime
from typing import Any

import pandas as pd
from backtesting import Backtest, Strategy


def average(values: Any, count: int) -> Any:
    return pd.Series(values).rolling(count).mean()


def expanding(values: Any) -> Any:
    return pd.Series(values).expanding().mean()


class Crossover(Strategy):  # type: ignore[misc]
    """The rules of SMA_Crossover_ETF with its defaults: an entry on volume above the slow average, a stop, a target."""

    fast, slow = 10, 30
    volume_threshold, stop_loss, profit_target = 1.5, 0.015, 0.02

    def init(self) -> None:
        self.fast_average = self.I(average, self.data.Close, self.fast)
        self.slow_average = self.I(average, self.data.Close, self.slow)
        self.usual_volume = self.I(expanding, self.data.Volume)

    def next(self) -> None:
        price, is_above = self.data.Close[-1], self.fast_average[-1] > self.slow_average[-1]
        if self.position and not is_above:
            self.position.close()
        elif not self.position and is_above and self.data.Volume[-1] > self.volume_threshold * self.usual_volume[-1]:
            self.buy(sl=price * (1 - self.stop_loss), tp=price * (1 + self.profit_target))


def main(path: str, fast: int, slow: int) -> None:
    """Search once, and print what it took."""
    began = time.perf_counter()
    with open(path, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    days = [datetime.strptime(row.pop("day"), "%Y%m%d") for row in rows]
    frame = pd.DataFrame(rows, index=pd.DatetimeIndex(days)).astype(float)
    best = Backtest(frame, Crossover, cash=1_000, commission=0.001, finalize_trades=True).optimize(
        fast=range(5, 5 + fast), slow=range(110, 110 + slow), maximize="Sharpe Ratio"
    )
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "combinations": fast * slow, "sharpe": float(best["Sharpe Ratio"])}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

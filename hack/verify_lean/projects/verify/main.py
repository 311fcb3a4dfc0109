# A LEAN project for `make verify-lean`. It reads what Backfleet passes, and ends as the parameter `scenario` says.
# ruff: noqa: F405
from AlgorithmImports import *  # noqa: F403

# After LEAN's own names, which include a `time`.
import os  # isort: skip
import time  # isort: skip


class Verify(QCAlgorithm):
    """A strategy that buys ten shares on its first bar and sells them `rsi_period` bars later."""

    def initialize(self) -> None:
        self.scenario = self.get_parameter("scenario")
        self.set_start_date(*self.day("start_date"))
        self.set_end_date(*self.day("end_date"))
        self.cash = float(self.get_parameter("initial_cash"))
        self.set_cash(self.cash)
        self.hold = int(self.get_parameter("rsi_period"))
        if self.scenario == "initialize_error":
            raise ValueError("asked for by the scenario")
        if self.scenario == "quit_in_initialize":
            self.quit("asked for by the scenario")
        symbols = self.get_parameter("symbols").split(",")
        self.assets = [self.add_equity(symbol, Resolution.DAILY).symbol for symbol in symbols]
        self.bars = 0

    def day(self, name: str) -> list[int]:
        return [int(part) for part in self.get_parameter(name).split("-")]

    def on_data(self, data: Slice) -> None:  # noqa: ARG002
        self.bars += 1
        self.speak()
        if self.bars == 100:
            self.misbehave()
        if self.scenario == "zero_trades":
            return
        if self.bars == 1:
            shares = 10_000_000 if self.scenario == "order_refused" else 10
            self.market_order(self.assets[0], shares)
        elif self.bars == 1 + self.hold and self.scenario != "data_ends_early":
            self.liquidate()

    def speak(self) -> None:
        if self.scenario == "reports_errors":
            self.error(f"an error that the strategy reports itself, bar {self.bars}")
        if self.scenario == "logs_much" and self.bars <= 20:
            for number in range(2000):
                self.log(f"line {number} of bar {self.bars}")
        if self.scenario == "bankrupt" and self.bars == 3:
            self.portfolio.cash_book["USD"].add_amount(-3 * self.cash)

    def misbehave(self) -> None:
        if self.scenario == "runtime_error":
            raise ValueError("asked for by the scenario")
        if self.scenario == "quit":
            self.quit("asked for by the scenario")
        if self.scenario == "crash":
            # .NET ignores a SIGSEGV from another process.
            os.abort()
        ballast = []
        while self.scenario == "out_of_memory":
            ballast.append(b"\1" * (64 * 1024 * 1024))
        while self.scenario == "hang":
            time.sleep(1)

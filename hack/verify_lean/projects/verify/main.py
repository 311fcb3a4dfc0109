# A LEAN project for `make verify-lean`: it reads what Backfleet passes, and ends as the parameter `scenario` says.
import os
import signal
import time

from AlgorithmImports import *  # noqa: F403


class Verify(QCAlgorithm):  # noqa: F405
    """Buys ten shares on its first bar and sells them `rsi_period` bars later."""

    def initialize(self) -> None:
        self.scenario = self.get_parameter("scenario")
        self.set_start_date(*self.day("start_date"))
        self.set_end_date(*self.day("end_date"))
        self.set_cash(float(self.get_parameter("initial_cash")))
        self.hold = int(self.get_parameter("rsi_period"))
        if self.scenario == "initialize_error":
            raise ValueError("asked for by the scenario")
        symbols = self.get_parameter("symbols").split(",")
        self.asset = self.add_equity(symbols[0], Resolution.DAILY).symbol  # noqa: F405
        self.bars = 0

    def day(self, name: str) -> list[int]:
        return [int(part) for part in self.get_parameter(name).split("-")]

    def on_data(self, data: Slice) -> None:  # noqa: ARG002, F405
        self.bars += 1
        if self.bars == 100:
            self.misbehave()
        if self.scenario == "zero_trades":
            return
        if self.bars == 1:
            self.market_order(self.asset, 10)
        elif self.bars == 1 + self.hold:
            self.liquidate()

    def misbehave(self) -> None:
        if self.scenario == "runtime_error":
            raise ValueError("asked for by the scenario")
        if self.scenario == "stopped":
            self.quit("asked for by the scenario")
        if self.scenario == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        ballast = []
        while self.scenario == "out_of_memory":
            ballast.append(b"\1" * (64 * 1024 * 1024))
        while self.scenario == "hang":
            time.sleep(1)

"""The engine `noop` for tests and benchmarks. It computes nothing, and fails in every way that its parameters request.

    value          sharpe_ratio of the result; the other metrics derive from it
    trades         total_trades of the result
    sleep_seconds  wait first
    hang           forever: sleep forever (SIGTERM ends it); stubborn: also ignore SIGTERM
    allocate_mib   allocate and keep this much memory
    write_mib      write this much to the results, and wait for the eviction
    signal         end by this signal, e.g. 11
    exit_code      exit with this code and, unless it is 0, leave an error.json
    result         ok, or missing, broken (half a file), huge (over 8 MiB), link (to /etc/passwd), nan

They act in the order allocate_mib, sleep_seconds, write_mib, hang, signal, exit_code, result. Run
`python -m backfleet.engines.noop` with the pack in the environment, as the shim does.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest, Outcome, Result, result_to_json
from backfleet.core.metrics import METRICS, OWN_OF_LEAN
from backfleet.core.packs import PackRequest
from backfleet.core.spec.strategy_info import StrategyInfo
from backfleet.engines.files import MAX_RESULT_BYTES, MEBIBYTE
from backfleet.engines.forking import run_pack
from backfleet.engines.outcomes import outcome_of_program
from backfleet.engines.program import (
    EXIT_OK,
    REASON_BY_EXIT_CODE,
    RESULT_FILE,
    EngineFailure,
    InvalidCombination,
    Parameter,
    parameter_types,
    parse_texts,
    write_error,
    write_json,
)
from backfleet.engines.protocol import EngineContainer, EngineSettings

STRATEGY = "Noop"
PARAMETERS = (
    Parameter("value", "1", float),
    Parameter("trades", "100", int, least=0),
    Parameter("sleep_seconds", "0", float, least=0),
    Parameter("hang", "no", str, choices=("no", "forever", "stubborn")),
    Parameter("allocate_mib", "0", int, least=0),
    Parameter("write_mib", "0", int, least=0),
    Parameter("signal", "0", int, least=0),
    Parameter("exit_code", "0", int, least=0),
    Parameter("result", "ok", str, choices=("ok", "missing", "broken", "huge", "link", "nan")),
)


class NoopEngine:
    """The engine `noop` for the controller and the recorder. Its image is Backfleet's own."""

    name = "noop"
    usual_seconds: float | None = None

    def strategies(self) -> Mapping[str, StrategyInfo] | None:
        """Return the only strategy, `Noop`."""
        return {STRATEGY: StrategyInfo(parameters=parameter_types(PARAMETERS))}

    def container(self, pack: PackRequest, settings: EngineSettings) -> EngineContainer:
        """Return a container that runs this module."""
        return EngineContainer(
            image=settings.image,
            command=("python", "-m", "backfleet.engines.noop"),
            environment={**settings.environment, wire.ENV_PACK: pack.to_json()},
            mounts=settings.mounts,
            runs_packs=True,
        )

    def outcome(self, folder: Path, request: BacktestRequest) -> Outcome:
        """Read the outcome as for `bars`."""
        del request
        return outcome_of_program(folder)


def parse_values(request: BacktestRequest) -> dict[str, Any]:
    """Parse the values of all parameters. Raise InvalidCombination as a real strategy does."""
    if request.strategy != STRATEGY:
        raise InvalidCombination(f"strategy: expected {STRATEGY}, got {request.strategy[:100]!r}")
    values = parse_texts(PARAMETERS, request.parameter_texts)
    if values["exit_code"] > 255 or values["signal"] > signal.SIGRTMAX:
        raise InvalidCombination(
            f"parameters exit_code, signal: expected at most 255 and 64, got {values['exit_code']} and {values['signal']}"
        )
    return values


def run(request: BacktestRequest) -> Result:
    """Return the result of a well-behaved run: a function of `value` and `trades` alone, with every metric set."""
    values = parse_values(request)
    value = values["value"]
    shaped = {
        "sharpe_ratio": value,
        "sortino_ratio": 2 * value,
        "comparable_sharpe_ratio": value,
        "comparable_sortino_ratio": 2 * value,
        "net_profit": value / 100,
        "annual_return": value / 100,
    }
    plain: dict[str, float | int] = {
        "probabilistic_sharpe_ratio": 0.75,
        "drawdown": 0.1,
        "annual_standard_deviation": 0.1,
        "comparable_drawdown": 0.1,
        "comparable_annual_standard_deviation": 0.1,
        "total_orders": 2 * values["trades"],
        "total_trades": values["trades"],
        "win_rate": 0.5,
        "average_win": 0.02,
        "average_loss": -0.01,
        "profit_loss_ratio": 2.0,
        "total_fees": 10.0,
        "gross_profit": 100.0,
        "fee_share": 0.1,
        "exposure": 0.5,
        "start_equity": float(request.initial_cash),
        "end_equity": float(request.initial_cash) * (1 + value / 100),
    }
    metrics = shaped | plain
    metrics |= {own: metrics[name] for name, own in OWN_OF_LEAN.items()}
    end = max(request.end_date, request.start_date + timedelta(days=1))
    return Result(
        metrics={name: metrics[name] for name in METRICS},
        equity_curve=((request.start_date, metrics["start_equity"]), (end, metrics["end_equity"])),
        blocks=((1, value / 100, (value / 100) ** 2),),
        provenance={"engine": "noop", "engineVersion": "1", "strategy": STRATEGY, "dataFingerprint": "none"},
    )


def behave(folder: Path, values: Mapping[str, Any]) -> None:
    """Do what the parameters request before a result. This may never return."""
    ballast = bytearray(values["allocate_mib"] * MEBIBYTE)
    for page in range(0, len(ballast), 4096):
        ballast[page] = 1
    time.sleep(values["sleep_seconds"])
    if values["write_mib"]:
        fill(folder / "ballast", values["write_mib"])
    if values["hang"] == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while values["hang"] != "no" or values["write_mib"]:
        time.sleep(3600)
    if values["signal"]:
        with suppress(OSError):  # KILL and STOP have no handler to reset
            signal.signal(values["signal"], signal.SIG_DFL)
        os.kill(os.getpid(), values["signal"])


def fill(path: Path, mebibytes: int) -> None:
    """Write a file of the given size."""
    with path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(bytes(MEBIBYTE))


def leave_result(folder: Path, kind: str, result: Result) -> None:
    """Write the kind of result file that the parameter `result` names, or none."""
    path = folder / RESULT_FILE
    body = result_to_json(result)
    match kind:
        case "missing":
            return
        case "broken":
            path.write_text('{"metrics": {"sharpe_ratio": 1.', encoding="utf-8")
        case "huge":
            path.write_text(" " * (MAX_RESULT_BYTES + 1), encoding="utf-8")
        case "link":
            path.symlink_to("/etc/passwd")
        case "nan":
            path.write_text(f'{{"metrics": {{"sharpe_ratio": NaN}}, "trades": {len(body)}}}', encoding="utf-8")
        case _:
            write_json(folder, RESULT_FILE, body)


def compute(request: BacktestRequest, folder: Path) -> int:
    """Behave as the request's parameters say, and return the exit code that they name."""
    try:
        values = parse_values(request)
    except EngineFailure as error:
        print(f"noop: {error.reason.value}: {error}", file=sys.stderr)
        write_error(folder, error.reason, str(error))
        return error.exit_code
    behave(folder, values)
    code: int = values["exit_code"]
    if code:
        reason = REASON_BY_EXIT_CODE.get(code, EngineFailure.reason)
        write_error(folder, reason, f"the parameter exit_code requests exit code {code}")
        return code
    leave_result(folder, values["result"], run(request))
    return EXIT_OK


def main() -> int:
    """Run the members of the pack in the environment."""
    return run_pack("noop", os.environ, lambda request: partial(compute, request))


if __name__ == "__main__":
    sys.exit(main())

"""Packs with defaults, so that a test states only what matters, and what their pod sees of them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from backfleet.core.backtests import BacktestRequest
from backfleet.core.packs import Member, PackRequest


def pack_of(request: BacktestRequest, uid: str = "uid", index: int = 7, number: int = 2) -> PackRequest:
    """Return the pack with this request alone."""
    member = Member(index=index, number=number, parameter_texts=request.parameter_texts)
    return PackRequest(batch_uid=uid, common=replace(request, parameter_texts={}), members=(member,))


def pack_of_all(common: BacktestRequest, *texts: Mapping[str, str], uid: str = "uid") -> PackRequest:
    """Return a pack whose members have these parameters, in order from index 0. All need the same names."""
    members = (Member(index=index, number=1, parameter_texts=each) for index, each in enumerate(texts))
    return PackRequest(batch_uid=uid, common=replace(common, parameter_texts={}), members=tuple(members))


def shim_environment(pack: PackRequest, folder: Path, timeout: int = 30, seconds: int = 300) -> dict[str, str]:
    """Return the variables by which a pack reaches the shim, with the results in a folder of the test."""
    return {
        "BACKFLEET_RESULTS_PATH": str(folder),
        "BACKFLEET_TERMINATION_LOG": str(folder.parent / "termination-log"),
        "BACKFLEET_PACK_MEMBERS": pack.to_runs(),
        "BACKFLEET_PACK_SECONDS": str(seconds),
        "BACKFLEET_BACKTEST_TIMEOUT_SECONDS": str(timeout),
    }


def command_environment(pack: PackRequest, folder: Path, timeout: int = 30, seconds: int = 300) -> dict[str, str]:
    """Return the variables by which the shim starts a command that runs several members, for the first time."""
    return {
        **shim_environment(pack, folder, timeout, seconds),
        "BACKFLEET_PACK": pack.to_json(),
        "BACKFLEET_PACK_FIRST": "0",
        "BACKFLEET_PACK_LEFT_MS": str(1000 * seconds),
        "BACKFLEET_COMMAND_TIMEOUT_SECONDS": str(timeout + seconds + 10),
    }

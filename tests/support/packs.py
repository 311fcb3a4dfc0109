"""Packs with defaults, so that a test states only what matters."""

from collections.abc import Mapping
from dataclasses import replace

from backfleet.core.backtests import BacktestRequest
from backfleet.core.packs import Member, PackRequest


def pack_of(request: BacktestRequest, uid: str = "uid", index: int = 7, number: int = 2) -> PackRequest:
    """Return the pack with this request alone."""
    member = Member(index=index, number=number, parameter_texts=request.parameter_texts)
    return PackRequest(batch_uid=uid, common=replace(request, parameter_texts={}), members=(member,))


def pack_of_all(common: BacktestRequest, *texts: Mapping[str, str], uid: str = "uid") -> PackRequest:
    """Return a pack whose members have these parameters, in order from index 0."""
    members = (Member(index=index, number=1, parameter_texts=each) for index, each in enumerate(texts))
    return PackRequest(batch_uid=uid, common=replace(common, parameter_texts={}), members=tuple(members))

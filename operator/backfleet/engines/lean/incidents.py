"""Warnings about problems within a run that LEAN calls completed: refused orders, reported errors, LEAN's own findings."""

import re
from collections.abc import Iterator

from backfleet.engines.lean.evidence import Evidence
from backfleet.engines.lean.said import Said

WARNED_FINDINGS = re.compile(r"OrderResponseError|StaleOrderFills|FlatEquityCurve|PortfolioValueIsNotPositive")
"""The findings that may make a result worthless. The others are advice, and appear only under `analysis`."""
SAME_WORDS = 60
"""LEAN reports a refused order as an event, as an error and in its analysis: reports with this many equal characters match."""


def incidents(seen: Evidence) -> Iterator[str]:
    """Yield each kind of incident once, with its count and its first instance."""
    known: list[str] = []
    orders = seen.orders
    if orders is not None and orders.invalid:
        yield f"{orders.invalid} of {orders.total} orders were refused" + (f": {seen.refusal}" if seen.refusal else "")
        known += [seen.refusal] if seen.refusal else []
    if orders is not None and orders.cancelled:
        yield f"{orders.cancelled} of {orders.total} orders were cancelled"
    for said in seen.logs.said:
        if not _is_known(said.words, known):
            yield _said(said, seen.logs.is_cut)
            known.append(said.words)
    for finding in seen.analysis:
        sample = re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", finding.sample or "")
        if WARNED_FINDINGS.search(finding.name) and not _is_known(sample, known):
            times = f" ({finding.count} times)" if finding.count is not None else ""
            yield f"LEAN's analysis{times}: {finding.issue}" + (f" {sample}" if sample not in ("", "true") else "")


def _said(said: Said, is_cut: bool) -> str:
    count = f"at least {said.count}" if is_cut else str(said.count)
    what = "error reported" if said.is_error else "LEAN's note"
    times = f" {count} times, first" if said.count > 1 else ""
    return f"{what}{times} on {said.day}: {said.words}"


def _is_known(words: str, known: list[str]) -> bool:
    return bool(words) and any(words[:SAME_WORDS] == each[:SAME_WORDS] for each in known)

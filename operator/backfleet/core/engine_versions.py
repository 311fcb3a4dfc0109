"""The versions of an engine that a batch has results of: figures of two may differ for that reason alone."""

from collections.abc import Mapping, Sequence

MAX_ENGINE_VERSIONS = 8
ENGINE, VERSION, IMAGE = "engine", "engineVersion", "engineImage"
"""Of a result's provenance."""
LEAN = "lean"
PSR = "probabilistic_sharpe_ratio"
_PSR_OF_LEAN = (
    f"{PSR} is of excess returns in LEAN since 2026-07-06, of plain returns before: its values of two versions cannot be "
    "ranked together; "
)


def version_of(provenance: Mapping[str, str]) -> str | None:
    """Return the text that distinguishes two versions.

    LEAN that was built from its sources names no build, so the image is part of it.
    """
    version, image = provenance.get(VERSION), provenance.get(IMAGE)
    if provenance.get(ENGINE) != LEAN or image is None:
        return version
    return f"{version or 'unknown'} ({image})"


def with_version(known: tuple[str, ...], version: str | None) -> tuple[str, ...]:
    """The versions with that of one more result, in the order of the first result of each; a bounded number."""
    if not version or version in known or len(known) >= MAX_ENGINE_VERSIONS:
        return known
    return (*known, version)


def mixing_warning(versions: Sequence[str], engine: str, ranked_by: str) -> str | None:
    """What to know of a ranking whose results are of several versions; None where they are of one."""
    if len(versions) < 2:
        return None
    text = f"results are of several versions of the engine, {', '.join(versions)}: figures may differ for that reason alone"
    # First, since a condition's message is cut.
    return _PSR_OF_LEAN + text if engine == LEAN and ranked_by == PSR else text

"""The versions of an engine that a batch has results of: figures of two may differ for that reason alone."""

MAX_ENGINE_VERSIONS = 8


def with_version(known: tuple[str, ...], version: str | None) -> tuple[str, ...]:
    """The versions with that of one more result, in the order of the first result of each; a bounded number."""
    if not version or version in known or len(known) >= MAX_ENGINE_VERSIONS:
        return known
    return (*known, version)

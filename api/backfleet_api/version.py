"""The version of the installed distribution."""

from importlib import metadata

SERVICE = "backfleet-api"


def version() -> str:
    """As the package says; `source` where it runs from a source tree."""
    try:
        return metadata.version("backfleet")
    except metadata.PackageNotFoundError:
        return "source"

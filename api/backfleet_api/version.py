"""The version of the installed distribution."""

from importlib import metadata

SERVICE = "backfleet-api"


def version() -> str:
    """Return the version of the package, or `source` if it runs from a source tree."""
    try:
        return metadata.version("backfleet")
    except metadata.PackageNotFoundError:
        return "source"

"""The cluster and the release of the end-to-end tests."""

from tests.e2e.conftest import live, local

__all__ = ["live", "local"]

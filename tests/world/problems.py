"""Answers of the fake API server that are no success."""

from typing import Any

Json = dict[str, Any]


class Problem(Exception):
    """A Status object of the API; `meta` is its metadata."""

    def __init__(self, code: int, reason: str, message: str, meta: Json | None = None) -> None:
        self.code, self.reason, self.meta = code, reason, meta or {}
        super().__init__(message)

    def body(self) -> Json:
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": self.meta}
        return {**status, "message": str(self), "reason": self.reason, "code": self.code}


def expired(message: str, meta: Json | None = None) -> Problem:
    """Build a Problem 410: what is asked for is older than what the server still has."""
    return Problem(410, "Expired", message, meta)

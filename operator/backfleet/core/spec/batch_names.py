"""Builds the beginning of a batch's name if the request or config gives no name."""

import re

MAX_STEM_LENGTH = 40

_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")


def name_stem(text: str) -> str:
    """Turn any text into lower case, with hyphens for all but letters and digits; return at most 40 characters."""
    plain = _NOT_ALPHANUMERIC.sub("-", text.lower()).strip("-")
    return plain[:MAX_STEM_LENGTH].strip("-") or "batch"

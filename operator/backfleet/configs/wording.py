"""Finds the known word that a misspelled one stands for. Only typing errors within one word count, never another meaning."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

CLOSE = 0.66
"""The least likeness of a word and its misspelling. The pairs fee and risk, and min and max, are less alike."""


def near(text: str, known: Iterable[str]) -> str | None:
    """Return the known name that differs only in case, separators or the spelling of one word, or None."""
    words = _words(text)
    likenesses = [(_likeness(words, _words(each)), each) for each in known]
    best, name = max(likenesses, key=lambda each: each[0], default=(0.0, ""))
    return name if best >= CLOSE else None


def _words(text: str) -> list[str]:
    """Split snake_case, kebab-case, camelCase or plain text into lower-case words."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return re.findall(r"[a-z0-9]+", spaced.lower())


def _likeness(words: list[str], others: list[str]) -> float:
    """Return 1 for the same letters, the likeness of the only word that differs, or 0 if more than one word differs."""
    if "".join(words) == "".join(others):
        return 1.0
    differing = [(one, other) for one, other in zip(words, others, strict=False) if one != other]
    if len(words) != len(others) or len(differing) != 1:
        return 0.0
    ((one, other),) = differing
    return SequenceMatcher(None, one, other).ratio()

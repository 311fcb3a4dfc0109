"""Which known word an unknown one was meant to be: a slip of the fingers within one word, never another meaning."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

CLOSE = 0.66
"""How alike two words are to be one with a slip; fee and risk are not, nor are min and max."""


def near(text: str, known: Iterable[str]) -> str | None:
    """The known name that differs from the text in case and separators, or in the spelling of one word; None without one."""
    words = _words(text)
    likenesses = [(_likeness(words, _words(each)), each) for each in known]
    best, name = max(likenesses, key=lambda each: each[0], default=(0.0, ""))
    return name if best >= CLOSE else None


def _words(text: str) -> list[str]:
    """Lower-case words of snake_case, kebab-case, camelCase or plain text."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return re.findall(r"[a-z0-9]+", spaced.lower())


def _likeness(words: list[str], others: list[str]) -> float:
    """1 for the same letters; else how alike the one word is that differs; 0 where more than one does."""
    if "".join(words) == "".join(others):
        return 1.0
    differing = [(one, other) for one, other in zip(words, others, strict=False) if one != other]
    if len(words) != len(others) or len(differing) != 1:
        return 0.0
    ((one, other),) = differing
    return SequenceMatcher(None, one, other).ratio()

"""Turns JSON with comments, as in LEAN's own files, into text that a YAML parser reads. Every line keeps its number."""

import re

# A quoted text, or a comment, or white space that YAML forbids between tokens. An open quote or comment runs to the end.
_PIECE = re.compile(r'"(?:\\.|[^"\\])*"?|/\*.*?(?:\*/|\Z)|//[^\n]*|\t', re.DOTALL)
_BEFORE = re.compile(r"(?:\s|/\*.*?(?:\*/|\Z)|//[^\n]*)*", re.DOTALL)


def is_json(text: str) -> bool:
    """Return whether the first character after white space and comments is an opening brace."""
    begin = _BEFORE.match(text)
    return begin is not None and text[begin.end() : begin.end() + 1] == "{"


def without_comments(text: str) -> str:
    """Replace comments and tabs outside of quoted texts with blanks."""
    return _PIECE.sub(_blank, text)


def _blank(found: re.Match[str]) -> str:
    piece = found.group()
    return piece if piece.startswith('"') else re.sub(r"[^\n]", " ", piece)

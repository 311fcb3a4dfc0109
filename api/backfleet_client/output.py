"""Writes text for people and programs: aligned tables, tab-separated values and JSON.

Texts of a batch may have any character, so control characters are replaced before a terminal shows them.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

ABSENT = "-"
Cell = str | int | float | bool | datetime | None
Row = Sequence[Cell]


def render_table(header: Sequence[str], rows: Sequence[Row]) -> str:
    """Align columns with spaces, numbers to the right. A missing value is a dash."""
    texts = [[_shown(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *texts, strict=True)]
    is_number = [
        any(map(_is_number, column)) and all(cell is None or _is_number(cell) for cell in column)
        for column in (zip(*rows, strict=True) if rows else [()] * len(header))
    ]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, is_number, strict=True)
        ).rstrip()
        for line in [list(header), *texts]
    ]
    return "\n".join(lines)


def render_tsv(header: Sequence[str], rows: Sequence[Row]) -> str:
    """Write a header and one line per row, with numbers in full precision. A missing value is empty."""
    return "\n".join("\t".join(line) for line in [list(header), *([_exact(cell) for cell in row] for row in rows)])


def render_json(body: object) -> str:
    """Write indented JSON. Characters outside ASCII are escaped."""
    return json.dumps(body, indent=2)


def render_fields(fields: Mapping[str, Cell]) -> str:
    """Write one field per line, its name first."""
    width = max(map(len, fields))
    return "\n".join(f"{name.ljust(width)}  {_shown(value)}" for name, value in fields.items())


def clean(text: str) -> str:
    """Replace each character that could control a terminal with a space."""
    return "".join(character if character.isprintable() else " " for character in text)


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _shown(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:.6g}"
    return _exact(cell) or ABSENT


def _exact(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    return clean(cell if isinstance(cell, str) else str(cell))

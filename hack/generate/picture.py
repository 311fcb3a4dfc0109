"""Draws the output of a terminal as an SVG."""

from html import escape

FONT_SIZE = 13
LINE = 18
CHARACTER = 7.83
MARGIN = 18
NO_BREAK = "\u00a0"
"""Replaces spaces, since browsers collapse ordinary spaces."""


def draw(lines: list[str]) -> str:
    """Draw the picture. Lines that begin with `$ ` are commands and have another colour."""
    width = int(max(map(len, lines)) * CHARACTER) + 2 * MARGIN
    height = len(lines) * LINE + 2 * MARGIN
    rows = "\n".join(_row(number, line) for number, line in enumerate(lines))
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">
<rect width="100%" height="100%" rx="8" fill="#10151c"/>
<g font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="{FONT_SIZE}" xml:space="preserve">
{rows}
</g>
</svg>
"""


def _row(number: int, line: str) -> str:
    colour = "#7ee787" if line.startswith("$ ") else "#d6dde6"
    top = MARGIN + LINE * (number + 1) - 5
    return f'<text x="{MARGIN}" y="{top}" fill="{colour}">{escape(line).replace(" ", NO_BREAK)}</text>'

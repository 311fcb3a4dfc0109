"""Generates the table of values for the documentation from the comments of values.yaml."""

import re
from dataclasses import dataclass

START, END = "<!-- values: made by `make docs` -->", "<!-- end of values -->"
# Values that Kubernetes documents. One sentence covers them for all pods.
PLACEMENT = {"podAnnotations", "podLabels", "nodeSelector", "tolerations", "affinity", "priorityClassName", "resources"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One value: its path, its default as written, and the comment above it."""

    path: str
    default: str
    comment: str


def read_rows(text: str) -> list[Row]:
    """Return every value with a default on its line or a comment above it. A comment on a map covers its children."""
    rows: list[Row] = []
    parents: list[tuple[int, str]] = []
    comments: list[str] = []
    for line in text.splitlines():
        if not line.strip():
            comments = []
        elif line.lstrip().startswith("#"):
            comments.append(line.lstrip("# ").strip())
        elif found := re.match(r"( *)(\w+):(?: (.*))?$", line):
            indent, key, default = len(found[1]), found[2], found[3] or ""
            parents = [each for each in parents if each[0] < indent]
            path = ".".join([*(name for _, name in parents), key])
            parents.append((indent, key))
            if default or comments:
                rows.append(Row(path=path, default=default, comment=" ".join(comments)))
            comments = []
    return rows


def render_table(text: str) -> str:
    """Render the table in Markdown, without the values that every pod has."""
    lines = ["| value | default | meaning |", "| --- | --- | --- |"]
    for row in read_rows(text):
        if not PLACEMENT.isdisjoint(row.path.split(".")):
            continue
        default = f"`{row.default}`" if row.default else ""
        comment = row.comment.replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| `{row.path}` | {default} | {comment} |")
    return "\n".join(lines)


def put_table(document: str, table: str) -> str:
    """Return the document with the table between the markers."""
    before, rest = document.split(START, 1)
    return f"{before}{START}\n\n{table}\n\n{END}{rest.split(END, 1)[1]}"

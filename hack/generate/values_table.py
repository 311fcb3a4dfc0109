"""The values as a table for the documentation, made from the comments of values.yaml."""

import re
from dataclasses import dataclass

START, END = "<!-- values: made by `make docs` -->", "<!-- end of values -->"
# What Kubernetes explains better than we could, said once for all pods.
PLACEMENT = {"podAnnotations", "podLabels", "nodeSelector", "tolerations", "affinity", "priorityClassName", "resources"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One value: its path, its default as it stands, and what the comment above it says."""

    path: str
    default: str
    comment: str


def read_rows(text: str) -> list[Row]:
    """Every value that has a default on its line, or a comment above it; children of a commented map are part of it."""
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
    """Markdown; the values that every pod has are left to one sentence beside it."""
    lines = ["| value | default | what |", "| --- | --- | --- |"]
    for row in read_rows(text):
        if not PLACEMENT.isdisjoint(row.path.split(".")):
            continue
        default = f"`{row.default}`" if row.default else ""
        comment = row.comment.replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| `{row.path}` | {default} | {comment} |")
    return "\n".join(lines)


def put_table(document: str, table: str) -> str:
    """The document with the table between the markers."""
    before, rest = document.split(START, 1)
    return f"{before}{START}\n\n{table}\n\n{END}{rest.split(END, 1)[1]}"

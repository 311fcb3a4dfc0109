"""What happened in the worlds of one run, line by line: two runs from one seed must have the same lines."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from tests.world.faults import Call
from tests.world.history import Change

STATEMENT_LENGTH = 80


def _write_nowhere(_: str) -> None:
    """Forget a line."""


@dataclass
class Trace:
    """Writes lines to `write`, unless nobody asked for them. No line has a time of this machine, a port or an address."""

    write: Callable[[str], object] = _write_nowhere

    @classmethod
    @contextmanager
    def into(cls, path: Path | None) -> Iterator["Trace"]:
        """Write to a file until the block ends; without one nowhere."""
        if path is None:
            yield cls()
            return
        with path.open("w") as file:
            yield cls(lambda line: file.write(f"{line}\n"))

    @property
    def is_wanted(self) -> bool:
        return self.write is not _write_nowhere

    def note(self, *words: object) -> None:
        if self.is_wanted:
            self.write(" ".join(map(str, words)))

    def note_call(self, call: Call) -> None:
        """Note a call that came over HTTP, as it came."""
        if self.is_wanted:
            self.note("call", call.token, call.method, call.path, digest(call.query), digest(call.body))

    def note_change(self, change: Change) -> None:
        """Note what became of an object."""
        if self.is_wanted:
            self.note("change", change.version, change.type, *change.key, digest(change.object))

    def follow(self, engine: Engine, name: str) -> None:
        """Note every statement of an engine: its first words, without values."""
        if self.is_wanted:
            event.listen(engine, "before_cursor_execute", self._note_statement(name))

    def _note_statement(self, name: str) -> Callable[..., None]:
        def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            self.note("statement", name, " ".join(statement.split())[:STATEMENT_LENGTH])

        return note


def digest(body: Any) -> str:
    """Return some letters that differ where the JSON of two bodies does."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]


def first_difference(one: str, other: str) -> str:
    """Return where two traces part, with what was before; "" if they do not."""
    lines, others = one.splitlines(), other.splitlines()
    if lines == others:
        return ""
    pairs = enumerate(zip(lines, others, strict=False))
    place = next((number for number, (left, right) in pairs if left != right), min(len(lines), len(others)))
    before = "\n".join(lines[max(0, place - 10) : place])
    return f"line {place + 1}:\n{before}\n- {lines[place : place + 3]}\n+ {others[place : place + 3]}"

"""The SQL files of the store: each is used, and its first line says what it is for."""

from pathlib import Path

import pytest

from backfleet.store.passes import statements

FILES = sorted(Path(statements.__file__).with_name("sql").iterdir())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_says_what_it_is_for_and_is_used(file: Path) -> None:
    first, statement = file.read_text(encoding="utf-8").split("\n", 1)
    assert first.startswith("-- ")
    assert len(first) > len("-- What it does.")
    assert statement.count(";") == 0, "one statement in a file"
    assert getattr(statements, file.stem.upper()).endswith(statement)


def test_there_is_a_file_for_each_statement() -> None:
    named = {name.lower() for name in vars(statements) if name.isupper()}
    assert named == {file.stem for file in FILES}

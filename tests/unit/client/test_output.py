"""The output for people and for programs."""

from datetime import UTC, datetime

import pytest

from backfleet_client.output import clean, render_fields, render_json, render_table, render_tsv


def test_table_aligns_texts_left_and_numbers_right() -> None:
    table = render_table(["NAME", "VALUE"], [("a", 1.5), ("longer", 12)])
    assert table == "NAME    VALUE\na         1.5\nlonger     12"


def test_table_shows_absent_as_a_dash_and_keeps_the_column_a_number() -> None:
    assert render_table(["V"], [(None,), (12,)]) == " V\n -\n12"


def test_table_without_rows_is_its_header() -> None:
    assert render_table(["A", "B"], []) == "A  B"


def test_table_shortens_numbers_and_tsv_does_not() -> None:
    assert render_table(["V"], [(0.123456789,)]) == "       V\n0.123457"
    assert render_tsv(["V"], [(0.123456789,)]) == "V\n0.123456789"


def test_tsv_writes_a_missing_value_as_nothing_and_bools_as_words() -> None:
    assert render_tsv(["A", "B", "C"], [(None, True, False)]) == "A\tB\tC\n\tyes\tno"


def test_each_field_has_its_line() -> None:
    moment = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    assert render_fields({"a": moment, "longer": None}) == "a       2026-11-24T15:00:00+00:00\nlonger  -"


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("red \x1b[31m text", id="escape sequence"),
        pytest.param("over\rwritten", id="carriage return"),
        pytest.param("two\nlines\tand a tab", id="line and tab"),
        pytest.param("c1 \x9b31m", id="8-bit control"),
        pytest.param("right \u202e left", id="text direction"),
    ],
)
def test_control_characters_are_never_written(hostile: str) -> None:
    shown = [clean(hostile), render_table(["A"], [(hostile,)])[2:], render_tsv(["A"], [(hostile,)])[2:]]
    assert all(text.isprintable() for text in shown)
    assert render_json({"a": hostile}).replace("\n", "").isprintable()

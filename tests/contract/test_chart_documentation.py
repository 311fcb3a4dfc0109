"""Every value of the chart says what it is for."""

from hack.generate.values_table import PLACEMENT, Row, read_rows
from hack.helm.chart import CHART

VALUES = (CHART / "values.yaml").read_text()


def test_every_value_has_a_comment():
    silent = [row.path for row in read_rows(VALUES) if not row.comment and PLACEMENT.isdisjoint(row.path.split("."))]
    assert silent == []


def test_rows_carry_path_default_and_comment():
    text = "# About a.\na:\n  # About b,\n  # in two lines.\n  b: 1\n\n# Alone, with no value.\n\nc: {}\n"
    assert read_rows(text) == [
        Row(path="a", default="", comment="About a."),
        Row(path="a.b", default="1", comment="About b, in two lines."),
        Row(path="c", default="{}", comment=""),
    ]

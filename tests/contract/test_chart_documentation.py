"""docs/deployment.md says the chart's values as they are, and every value says what it is for."""

from hack.helm.chart import CHART, ROOT
from hack.helm.table import PLACEMENT, Row, put_table, read_rows, render_table

VALUES = (CHART / "values.yaml").read_text()


def test_every_value_has_a_comment():
    silent = [row.path for row in read_rows(VALUES) if not row.comment and PLACEMENT.isdisjoint(row.path.split("."))]
    assert silent == []


def test_the_table_in_the_documentation_is_the_chart_of_today(tmp_path):
    copy = tmp_path / "deployment.md"
    copy.write_text((ROOT / "docs" / "deployment.md").read_text())
    assert put_table(copy, render_table(VALUES)) is False, "run: python hack/helm docs"


def test_rows_carry_path_default_and_comment():
    text = "# About a.\na:\n  # About b,\n  # in two lines.\n  b: 1\n\n# Alone, with no value.\n\nc: {}\n"
    assert read_rows(text) == [
        Row(path="a", default="", comment="About a."),
        Row(path="a.b", default="1", comment="About b, in two lines."),
        Row(path="c", default="{}", comment=""),
    ]

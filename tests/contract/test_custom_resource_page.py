"""docs/custom-resource.md is what the CRD says today."""

from pathlib import Path

from hack.custom_resource import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "custom-resource.md"


def test_the_page_is_made_from_the_crd() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_field_has_a_meaning() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert len(rows) > 60
    assert all(line.rstrip().removesuffix("|").rpartition("|")[2].strip() for line in rows)

import pytest

from backfleet.core.spec.quantities import parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", "0.5"),
        ("1", "1"),
        ("0.5", "0.5"),
        ("512Mi", "536870912"),
        ("1Gi", "1073741824"),
        ("1Ti", "1099511627776"),
        ("2k", "2000"),
    ],
)
def test_quantities_are_exact(text, value):
    assert str(parse_quantity(text).normalize()) == str(type(parse_quantity(text))(value).normalize())


@pytest.mark.parametrize("text", ["", "1 Gi", "-1", "1e3", "1Ei", "Mi", "1\n"])
def test_other_texts_are_no_quantities(text):
    with pytest.raises(ValueError, match="not a quantity"):
        parse_quantity(text)

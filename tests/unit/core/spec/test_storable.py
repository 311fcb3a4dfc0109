"""What Postgres cannot hold is refused in a spec, and cleaned in the words of others."""

import json

import pytest

from backfleet.core.errors import SpecInvalid
from backfleet.core.spec.model import parse_spec
from backfleet.core.spec.storable import check_storable, dump_storable, storable, storable_text
from tests.support.manifests.specs import spec_body


def test_a_text_is_stored_as_it_is_but_for_what_postgres_cannot_hold() -> None:
    assert storable_text("\t\r\n\x07\x1b é 🙂") == "\t\r\n\x07\x1b é 🙂"
    assert storable_text("a\x00b\ud800c") == "a\ufffdb\ufffdc"


def test_every_text_of_a_value_is_cleaned_and_nothing_else_changes() -> None:
    said = {"a\x00": ["b\x00", {"c": ("\udfff", 1, 0.5, None, True)}]}
    assert storable(said) == {"a\ufffd": ["b\ufffd", {"c": ["\ufffd", 1, 0.5, None, True]}]}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param({"a": ["x", "y\x00"]}, "spec.a[1]", id="a NUL in a list"),
        pytest.param({"a": {"b": "\ud800"}}, "spec.a.b", id="half a surrogate pair"),
        pytest.param({"a": {"b\x00": 1}}, "spec.a: the key 'b\\x00'", id="a NUL in a key"),
        pytest.param({"a": float("nan")}, "spec.a", id="not a number"),
        pytest.param({"a": [1e999]}, "spec.a[0]", id="an infinite number"),
        pytest.param({"a": 10**400}, "spec.a", id="an endless integer"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_field(value: object, field: str) -> None:
    with pytest.raises(SpecInvalid) as refused:
        check_storable(value, "spec")
    assert refused.value.field == field
    assert "\x00" not in str(refused.value)


def test_a_constraint_with_a_nul_is_refused_with_its_place() -> None:
    with pytest.raises(SpecInvalid, match=r"^spec\.constraints\[1\]: .*U\+0000 at position 12"):
        parse_spec(spec_body(constraints=["rsi_period > 1", "name != 'ab\x00c'"]))


def test_json_for_postgres_is_cleaned_only_where_it_must_be() -> None:
    assert dump_storable(["é 🙂", 0.5]) == json.dumps(["é 🙂", 0.5])
    assert json.loads(dump_storable([{"a": "b\x00\ud800 🙂"}])) == [{"a": "b\ufffd\ufffd 🙂"}]
    with pytest.raises(ValueError, match="JSON"):
        dump_storable([float("nan")])


def test_a_key_that_cannot_be_printed_is_quoted_in_the_path() -> None:
    with pytest.raises(SpecInvalid) as caught:
        check_storable({"\x1f": {"a": "\x00"}}, "spec")
    assert caught.value.field == "spec.'\\x1f'.a"
    assert str(caught.value).isprintable()

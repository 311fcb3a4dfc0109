import pytest

from backfleet.core.planning.job_names import job_name

UID = "0F5f1c1e-8c2b-4d6e-9a55-4df1a6a1e111"


@pytest.mark.parametrize(
    ("batch_name", "expected"),
    [
        pytest.param("rsi-small", "rsi-small-0f5f1c1e-7-2", id="plain"),
        pytest.param("a.b.c", "a-b-c-0f5f1c1e-7-2", id="dots become hyphens"),
        pytest.param("x" * 253, "x" * 50 + "-0f5f1c1e-7-2", id="253 characters are cut to 63 in all"),
        pytest.param("x" * 49 + "." + "y" * 9, "x" * 49 + "-0f5f1c1e-7-2", id="no hyphen is left where it is cut"),
        pytest.param("Übung_1", "bung-1-0f5f1c1e-7-2", id="other characters become hyphens"),
        pytest.param("...", "batch-0f5f1c1e-7-2", id="nothing left"),
    ],
)
def test_a_jobs_name_is_made_of_batch_uid_index_and_attempt(batch_name, expected):
    assert job_name(batch_name, UID, 7, 2) == expected
    assert len(expected) <= 63


def test_the_largest_index_and_attempt_still_fit():
    assert job_name("x" * 253, UID, 999_999, 99) == "x" * 44 + "-0f5f1c1e-999999-99"


def test_a_batch_made_anew_under_the_same_name_gets_other_names():
    assert job_name("rsi", "11111111-0000", 0, 1) != job_name("rsi", "22222222-0000", 0, 1)


def test_a_uid_without_eight_hex_digits_still_tells_batches_apart():
    one, other = job_name("rsi", "uid-1", 0, 1), job_name("rsi", "uid-2", 0, 1)
    assert one != other
    assert len(one) == len("rsi-12345678-0-1")

"""Each planted bug falls into its trap, and the code without it does not (`test_traps.py`)."""

from pathlib import Path

import pytest

from tests.world.planting import BUGS, plant, run_tests

TRAPS = {
    "counter-for-slots": "test_traps.py::test_a_pod_that_is_alive_holds_its_slot_after_its_outcome_is_recorded",
    "create-before-commit": "test_traps.py::test_what_runs_while_the_operator_is_dead_is_recorded",
    "conflict-for-success": "test_traps.py::test_a_name_that_somebody_else_has_is_shown",
    "expired-for-lost": "test_traps.py::test_a_job_that_its_time_to_live_removed_has_succeeded",
    "forgotten-attempt": "test_traps.py::test_a_failed_attempt_is_followed_by_the_next_one",
    "creation-without-slot": "test_traps.py::test_no_more_attempts_are_alive_than_the_limit",
    "refusal-without-deadline": "test_traps.py::test_a_batch_that_is_never_admitted_ends",
    "stale-list-believed": "test_traps.py::test_a_list_from_the_past_takes_no_job_away",
    "death-of-the-wrong-member": "test_packs.py::test_a_member_that_kills_its_container_fails_alone",
    "not-begun-counted": "test_packs.py::test_members_whose_turn_did_not_come_run_in_another_job_and_count_for_nothing",
}


def test_every_bug_has_its_trap() -> None:
    assert {path.stem for path in BUGS.glob("*.patch")} == set(TRAPS)


@pytest.mark.postgres
@pytest.mark.parametrize("bug", TRAPS)
def test_a_planted_bug_is_found(bug: str, tmp_path: Path) -> None:
    plant(bug, tmp_path)
    code, output = run_tests(tmp_path, f"tests/integration/world/{TRAPS[bug]}")
    assert code == 1, output
    assert "AssertionError" in output
    assert f"FAILED tests/integration/world/{TRAPS[bug]}" in output

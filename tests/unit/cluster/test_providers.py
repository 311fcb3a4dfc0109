from dataclasses import replace

import pytest

from hack.cluster.progress import ClusterError
from hack.cluster.providers import Choice, Surroundings, choose_provider, parse_system, refuse_unfit

BARE = Surroundings(context=None, has_kind=False, has_docker=False, user_id=0, system="debian 12")


@pytest.mark.parametrize(
    ("seen", "provider"),
    [
        pytest.param(replace(BARE, context="mine", has_kind=True, has_docker=True), "context", id="a named context"),
        pytest.param(replace(BARE, has_kind=True, has_docker=True), "kind", id="kind with Docker"),
        pytest.param(replace(BARE, has_kind=True), "hermetic", id="kind without Docker"),
        pytest.param(BARE, "hermetic", id="neither"),
    ],
)
def test_provider_is_chosen_in_order(seen: Surroundings, provider: str) -> None:
    assert choose_provider(seen).provider == provider


def test_a_cluster_stays_with_the_provider_that_made_it() -> None:
    earlier = Choice("hermetic", "because")
    assert choose_provider(replace(BARE, has_kind=True, has_docker=True), earlier) == Choice("hermetic", "as before")


def test_a_context_named_over_a_cluster_of_ours_is_refused() -> None:
    with pytest.raises(ClusterError, match="is of provider hermetic, not of context 'mine'"):
        choose_provider(replace(BARE, context="mine"), Choice("hermetic", "because"))


def test_another_context_than_before_is_refused() -> None:
    with pytest.raises(ClusterError, match="is of context 'mine', not of context 'other'"):
        choose_provider(replace(BARE, context="other"), Choice("context", "named", "mine"))


def test_without_root_the_refusal_says_what_can_be_run() -> None:
    with pytest.raises(ClusterError, match="needs root") as refused:
        refuse_unfit(replace(BARE, user_id=1000))
    assert "make check" in str(refused.value)
    assert "BACKFLEET_CONTEXT" in str(refused.value)


def test_another_system_is_refused_by_name() -> None:
    with pytest.raises(ClusterError, match="this is fedora 40"):
        refuse_unfit(replace(BARE, system="fedora 40"))


def test_system_is_read_from_os_release() -> None:
    assert parse_system('PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n\n') == "debian 12"

"""Taking a new batch in, and counting what its constraints leave."""

from dataclasses import replace
from typing import Any

import pytest

from backfleet.core import wire
from backfleet.core.errors import SpecInvalid
from backfleet.core.planning.accept import (
    accept,
    acceptance_limits,
    cost_of_validating,
    count_on,
    is_refused,
    may_accept_again,
    needs_catalog,
)
from backfleet.core.planning.decision import Count, Decision, End
from backfleet.core.planning.observation import Limits, RefusedBatch
from backfleet.core.records import BatchRecord, BatchState, StoredCatalog, StrategyRecord
from backfleet.core.spec.validation import AcceptanceLimits
from tests.support.jobs import BATCH, NOW, UID
from tests.support.planning import after, build_batch, build_draft, build_observation

CATALOG = StoredCatalog(
    strategies={"Noop": StrategyRecord(name="Noop", status="available", criteria={"minTrades": 3})},
    default_criteria={"minTrades": 9},
)


def test_a_batch_is_taken_in_with_its_definition_and_its_controls_apart() -> None:
    batch = replace(build_batch(maxConcurrent=2, successCriteria=None), labels={"team": "x"}, submitter="ada")
    draft = accept(build_observation(batch, catalog=CATALOG), batch, None)
    assert (draft.before, draft.packs, draft.queued, draft.decided) == (None, {}, {}, Decision())
    assert draft.record == BatchRecord(
        uid=UID,
        namespace=BATCH.namespace,
        name=BATCH.name,
        state=BatchState.COUNTING,
        spec=batch.spec,
        controls={"maxConcurrent": 2, "successCriteria": None},
        axes=draft.work.space.to_json(),
        criteria={"minTrades": 3},
        labels={"team": "x"},
        submitter="ada",
        accepted_at=NOW,
    )


def test_a_batch_that_is_not_valid_is_not_taken_in() -> None:
    batch = build_batch(strategy={"name": "Unknown"})
    with pytest.raises(SpecInvalid, match=r"spec\.strategy\.name"):
        accept(build_observation(batch), batch, None)


def uncounted(*constraints: str, **row: Any) -> Any:
    return build_draft(spec={"constraints": list(constraints)}, state=BatchState.COUNTING, total=None, **row)


def test_counting_goes_on_from_where_it_was() -> None:
    decision = count_on(uncounted("value > 4", count_cursor=4, count_found=0), 100)
    assert decision == Decision(count=Count(cursor=6, found=2, is_done=True), walked=decision.walked)
    assert decision.walked >= 2


def test_counting_stops_at_its_limit() -> None:
    decision = count_on(uncounted("value > 0"), 2)
    assert decision.count == Count(cursor=2, found=2, is_done=False)
    assert decision.end is None


def test_a_batch_of_which_nothing_is_left_is_over() -> None:
    decision = count_on(uncounted("value > 9"), 100)
    assert decision.end is not None
    assert decision == Decision(
        count=Count(cursor=6, found=0, is_done=True),
        walked=decision.walked,
        end=End(reason=wire.REASON_SPEC_INVALID, message=decision.end.message),
    )
    assert "value > 9" in decision.end.message


def test_a_refusal_holds_for_a_while_and_until_the_batch_is_edited() -> None:
    refused = RefusedBatch(generation=1, message="no", validated_at=after(-299))
    batch, old = build_batch(), replace(refused, validated_at=after(-300))
    edited = replace(batch, generation=2)
    found = [is_refused(each, of, NOW, 300) for each, of in ((refused, batch), (old, batch), (refused, edited))]
    assert [*found, is_refused(None, batch, NOW, 300)] == [True, False, False, False]


def test_a_batch_that_counting_refused_is_validated_again_once_its_definition_is_edited() -> None:
    record = replace(build_draft().record, finish_reason=wire.REASON_SPEC_INVALID)
    wider = build_batch(data={"symbols": ["AAPL", "SPY"]})
    cancelled = replace(record, finish_reason=wire.REASON_CANCELLED)
    found = [may_accept_again(*each) for each in ((record, wider), (record, build_batch()), (cancelled, wider))]
    assert found == [True, False, False]


def test_the_catalog_is_read_for_a_new_batch_and_where_its_own_criteria_were_taken_away() -> None:
    record = build_draft(spec={"successCriteria": {"minTrades": 1}}).record
    without = build_batch(successCriteria=None)
    found = [needs_catalog(*each) for each in ((without, None), (without, record), (build_batch(), record))]
    assert found == [True, True, False]


def test_validating_costs_by_the_size_of_the_spec_and_of_its_constraints() -> None:
    plain, constrained = build_batch(), build_batch(constraints=["value > 4"])
    added = len(str(constrained.spec)) // 4 - len(str(plain.spec)) // 4
    assert cost_of_validating(constrained) - cost_of_validating(plain) == len("value > 4") + added


def test_what_is_allowed_is_the_installations_and_the_catalogs() -> None:
    on_hold = StrategyRecord(name="Old", status="on_hold", lean_project_path="STR-1")
    catalog = StoredCatalog(strategies={"Old": on_hold})
    limits = Limits(max_combinations=7, image_prefixes=("x/",), has_projects_volume=False)
    assert acceptance_limits(build_observation(catalog=catalog, limits=limits)) == AcceptanceLimits(
        max_combinations=7,
        image_prefixes=("x/",),
        has_projects_volume=False,
        on_hold={"Old": "the catalog says so"},
        project_paths={"Old": "STR-1"},
    )

"""Verdicts over any metrics and criteria: nothing passes silently, and stricter criteria never pass more."""

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from backfleet.core.criteria import RULES, SuccessCriteria, judge

NUMBER = st.one_of(st.integers(-10, 10), st.floats(allow_nan=True, allow_infinity=True), st.none())
METRICS = st.dictionaries(st.sampled_from(sorted({rule.metric for rule in RULES})), NUMBER)
BOUND = st.one_of(st.none(), st.integers(-10, 10), st.floats(-10, 10))
CRITERIA = st.builds(SuccessCriteria, **{rule.field: BOUND for rule in RULES})


@given(metrics=METRICS, criteria=CRITERIA)
def test_it_passes_when_every_criterion_that_is_set_has_its_metric_within_its_bound(metrics, criteria):
    verdict = judge(metrics, criteria)
    met = {}
    for rule in RULES:
        bound, measured = getattr(criteria, rule.field), metrics.get(rule.metric)
        is_known = measured is not None and math.isfinite(measured)
        is_within = is_known and (measured >= bound if rule.is_floor else measured <= bound) if bound is not None else 1
        met[rule.rejection] = bool(is_within)
    assert verdict.rejections == tuple(code for code, is_met in met.items() if not is_met)
    assert verdict.passed == (not verdict.rejections)


@given(metrics=METRICS, criteria=CRITERIA, rule=st.sampled_from(RULES), bound=BOUND)
def test_a_criterion_more_never_lets_more_pass(metrics, criteria, rule, bound):
    without = replace(criteria, **{rule.field: None})
    more = replace(criteria, **{rule.field: bound})
    assert set(judge(metrics, without).rejections) <= set(judge(metrics, more).rejections)


@given(metrics=METRICS, criteria=CRITERIA, rule=st.sampled_from(RULES))
def test_a_metric_that_goes_missing_never_lets_more_pass(metrics, criteria, rule):
    fewer = {name: value for name, value in metrics.items() if name != rule.metric}
    assert set(judge(metrics, criteria).rejections) <= set(judge(fewer, criteria).rejections)


@given(criteria=CRITERIA)
def test_criteria_survive_the_row_of_a_batch(criteria):
    assert SuccessCriteria.from_json(criteria.to_json()) == criteria

import pytest

from backfleet.core.metrics import fee_share


def test_the_fee_share_is_fees_of_gross_profit():
    assert fee_share(30.0, 120.0) == 0.25
    assert fee_share(0.0, 120.0) == 0.0


@pytest.mark.parametrize(
    ("fees", "gross_profit"),
    [
        pytest.param(None, 120.0, id="no fees known"),
        pytest.param(30.0, None, id="no gross profit known"),
        pytest.param(30.0, 0.0, id="no winning trade"),
        pytest.param(0.0, 0.0, id="no trade at all"),
        pytest.param(30.0, -5.0, id="a gross profit below zero"),
        pytest.param(30.0, float("nan"), id="NaN"),
        pytest.param(float("nan"), 30.0, id="NaN fees"),
        pytest.param(1e308, 1e-308, id="beyond every number"),
    ],
)
def test_without_a_gross_profit_there_is_no_share(fees, gross_profit):
    assert fee_share(fees, gross_profit) is None

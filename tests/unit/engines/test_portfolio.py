from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from backfleet.engines.bars.factor_files import CorporateAction
from backfleet.engines.bars.fees import Fee, basis_points, interactive_brokers, no_fee
from backfleet.engines.bars.portfolio import (
    BarAction,
    DayTrades,
    Ledger,
    Signals,
    Trade,
    affordable,
    bar_actions,
    simulate,
)
from backfleet.engines.bars.strategies.protocol import fraction_sized, range_sized, risk_sized
from tests.support.engines import make_bars


def signals(
    enter: Sequence[int], leave: Sequence[int] = (), shares: int = 10, stop: float = 0.5, target: float = 0.5
) -> Signals:
    """Enter and leave at the closes of the bars named; ten bars."""
    return Signals(
        enter=[bar in enter for bar in range(10)],
        leave=[bar in leave for bar in range(10)],
        size=lambda bar, cash, price: shares,
        stop_loss_pct=stop,
        profit_target_pct=target,
    )


def test_a_signal_is_filled_at_the_next_open_and_the_books_balance() -> None:
    bars = make_bars(closes=[10, 11, 12, 13, 14], opens=[10, 10.5, 11.5, 12.5, 13.5])
    ledger = simulate(bars, signals(enter=[1], leave=[3]), 1000.0, interactive_brokers)
    trade = Trade(entry_bar=2, exit_bar=4, shares=10, entry_price=11.5, exit_price=13.5, fees=2.0)
    assert ledger == Ledger(
        initial_cash=1000.0,
        # Bought 10 at 11.50 with a fee of 1: cash 884; sold at 13.50 with a fee of 1: cash 1018.
        equity=[1000.0, 1000.0, 884.0 + 120.0, 884.0 + 130.0, 1018.0],
        trades=(trade,),
        order_count=2,
        total_fees=2.0,
        held_bars=2,
        open_shares=0,
    )
    assert (trade.gross, trade.profit) == (20.0, 18.0)


def test_a_position_open_at_the_end_is_marked_at_the_last_close_and_is_no_trade() -> None:
    bars = make_bars(closes=[10, 10, 12], opens=[10, 10, 11])
    ledger = simulate(bars, signals(enter=[0]), 1000.0, interactive_brokers)
    assert ledger.equity == [1000.0, 999.0, 1000.0 - 101.0 + 120.0]
    assert (ledger.trades, ledger.order_count, ledger.open_shares, ledger.held_bars) == ((), 1, 10, 2)


@pytest.mark.parametrize("enter", [[2], []], ids=["on the last bar", "none"])
def test_a_signal_on_the_last_bar_fills_nothing(enter: list[int]) -> None:
    ledger = simulate(make_bars(closes=[10, 10, 10]), signals(enter=enter), 1000.0, interactive_brokers)
    assert (ledger.order_count, ledger.equity) == (0, [1000.0] * 3)


def test_an_exit_signal_on_the_last_bar_leaves_the_position_open() -> None:
    ledger = simulate(make_bars(closes=[10, 10, 12]), signals(enter=[0], leave=[2]), 1000.0, no_fee)
    assert (ledger.order_count, ledger.open_shares) == (1, 10)


@pytest.mark.parametrize(
    ("closes", "exit_bar"),
    [([10, 10, 9.51, 9.5, 9, 9], 4), ([10, 10, 10.49, 10.5, 11, 11], 4), ([10, 9, 9, 9, 9, 9], 2)],
    ids=["stop at exactly 5 %", "target at exactly 5 %", "on the close of the entry's own bar"],
)
def test_stop_and_target_are_decided_on_the_close_since_the_entry_price(closes: list[float], exit_bar: int) -> None:
    bars = make_bars(closes, opens=[10, 10, 10, 10, 10, 10])
    ledger = simulate(bars, signals(enter=[0], stop=0.05, target=0.05), 1000.0, no_fee)
    assert [(trade.entry_bar, trade.exit_bar, trade.exit_price) for trade in ledger.trades] == [(1, exit_bar, 10)]


def test_while_holding_no_second_position_is_opened_and_while_flat_nothing_is_sold() -> None:
    bars = make_bars(closes=[10] * 8)
    ledger = simulate(bars, signals(enter=[1, 2, 3], leave=[0, 1, 4]), 1000.0, no_fee)
    assert [(trade.entry_bar, trade.exit_bar) for trade in ledger.trades] == [(2, 5)]


def test_the_bar_that_sells_may_signal_the_next_entry() -> None:
    bars = make_bars(closes=[10] * 8)
    ledger = simulate(bars, signals(enter=[0, 3], leave=[2]), 1000.0, no_fee)
    assert [(trade.entry_bar, trade.exit_bar) for trade in ledger.trades] == [(1, 3)]
    assert ledger.open_shares == 10
    assert ledger.held_bars == 2 + 4


@pytest.mark.parametrize("holding_bars", [1, 3])
def test_a_position_is_held_for_its_bars_the_entry_s_own_included(holding_bars: int) -> None:
    held = replace(signals(enter=[1]), holding_bars=holding_bars)
    ledger = simulate(make_bars(closes=[10] * 8), held, 1000.0, no_fee)
    assert [(trade.entry_bar, trade.exit_bar) for trade in ledger.trades] == [(2, 2 + holding_bars)]
    assert ledger.held_bars == holding_bars


def test_a_stop_ends_a_position_before_its_bars_are_over() -> None:
    held = replace(signals(enter=[0], stop=0.05), holding_bars=5)
    ledger = simulate(make_bars(closes=[10, 10, 9, 9, 9, 9, 9], opens=[10] * 7), held, 1000.0, no_fee)
    assert [(trade.entry_bar, trade.exit_bar) for trade in ledger.trades] == [(1, 3)]


def test_a_day_trade_is_bought_at_the_open_and_sold_at_the_same_bar_s_close() -> None:
    bars = make_bars(closes=[10, 11, 12], opens=[10, 10.5, 13])
    wishes = DayTrades(enter=[False, True, True], size=lambda bar, cash, price: 10)
    ledger = simulate(bars, wishes, 1000.0, interactive_brokers)
    assert ledger == Ledger(
        initial_cash=1000.0,
        equity=[1000.0, 1003.0, 991.0],
        trades=(Trade(1, 1, 10, 10.5, 11, 2.0), Trade(2, 2, 10, 13, 12, 2.0)),
        order_count=4,
        total_fees=4.0,
        held_bars=2,
        open_shares=0,
    )


def test_a_day_trade_is_sized_at_its_open_and_cut_to_the_cash() -> None:
    bars = make_bars(closes=[10, 25], opens=[10, 20])
    wishes = DayTrades(enter=[False, True], size=lambda bar, cash, price: int(cash / price))
    # 50 shares and a fee of 1 cost more than the cash: 49, sold with a fee of 1 again.
    ledger = simulate(bars, wishes, 1000.0, interactive_brokers)
    assert [(trade.shares, trade.profit) for trade in ledger.trades] == [(49, 243.0)]


@pytest.mark.parametrize("shares", [0, 1])
def test_a_day_trade_that_the_cash_cannot_pay_is_no_trade(shares: int) -> None:
    wishes = DayTrades(enter=[True], size=lambda bar, cash, price: shares)
    ledger = simulate(make_bars([10.0]), wishes, 5.0, interactive_brokers)
    assert (ledger.order_count, ledger.held_bars, ledger.equity) == (0, 0, [5.0])


def test_an_order_of_no_shares_is_no_order() -> None:
    ledger = simulate(make_bars(closes=[10] * 4), signals(enter=[0], shares=0), 1000.0, interactive_brokers)
    assert (ledger.order_count, ledger.total_fees) == (0, 0.0)


def test_an_order_is_cut_to_what_the_cash_pays_when_the_open_rose() -> None:
    bars = make_bars(closes=[10, 20, 20], opens=[10, 20, 20])
    ledger = simulate(bars, signals(enter=[0], shares=100), 1000.0, interactive_brokers)
    # 50 shares would cost 1000 and a fee of 1: 49 it is.
    assert (ledger.open_shares, ledger.equity[-1]) == (49, 999.0)


def test_an_order_of_which_the_cash_pays_no_share_is_no_order() -> None:
    bars = make_bars(closes=[10, 1000, 1000], opens=[10, 1000, 1000])
    ledger = simulate(bars, signals(enter=[0], shares=10), 1000.0, interactive_brokers)
    assert (ledger.order_count, ledger.open_shares, ledger.equity) == (0, 0, [1000.0] * 3)


@pytest.mark.parametrize(
    ("shares", "cash", "price", "fee", "bought"),
    [
        (10, 101.0, 10.0, interactive_brokers, 10),
        (10, 100.99, 10.0, interactive_brokers, 9),
        (10, 0.5, 10.0, interactive_brokers, 0),
        (1, 10.5, 10.0, interactive_brokers, 0),
        (10, -5.0, 10.0, no_fee, 0),
        (1000, 1000.0, 1.0, basis_points(1000), 909),
        (10**9, 1e9, 1.0, interactive_brokers, 995_024_875),
        (300, 100.5, 0.5, interactive_brokers, 200),
        (300, 100.4, 0.5, interactive_brokers, 198),
    ],
    ids=[
        "just enough",
        "a cent short",
        "no cash",
        "only the fee is short",
        "debt",
        "10 %",
        "many",
        "minimum fee",
        "minimum fee above the maximum",
    ],
)
def test_what_is_affordable(shares: int, cash: float, price: float, fee: Fee, bought: int) -> None:
    assert affordable(shares, cash, price, fee) == bought
    assert not bought or bought * price + fee(bought, price) <= cash


def test_size_by_risk_is_capped_by_95_percent_of_the_cash() -> None:
    # Risk 10 of 1000; per share 50 x 0.02 = 1, so 10 shares cost 500.
    assert risk_sized(0.02)(0, 1000.0, 50.0) == 10
    # Per share 50 x 0.01 = 0.5 allows 20 shares, but 950 buys 19.
    assert risk_sized(0.01)(0, 1000.0, 50.0) == 19
    assert risk_sized(0.01)(0, 1000.0, 5000.0) == 0


def test_size_by_range_takes_the_risk_of_the_signal_s_bar() -> None:
    # Risk 10 of 1000; per share 2.5 at the second bar.
    assert range_sized([1.0, 2.5])(1, 1000.0, 50.0) == 4
    assert range_sized([1.0, 0.001])(1, 1000.0, 50.0) == 19


def test_size_by_fraction_is_at_most_all_of_equity() -> None:
    assert fraction_sized(0.5)(0, 1000.0, 10.0) == 50
    assert fraction_sized(2)(0, 1000.0, 10.0) == 100
    assert fraction_sized(2 / 3)(0, 1000.0, 10.0) == 66


def actions(*found: tuple[int, float, str]) -> tuple[CorporateAction, ...]:
    """Return dividends and splits between the bar before and the one of that number."""
    days = make_bars([1.0] * 10).days
    return tuple(CorporateAction(days[bar - 1], dividend, Decimal(split)) for bar, dividend, split in found)


def test_dividends_are_paid_on_what_is_held_before_the_open() -> None:
    paid = actions((1, 7.0, "1"), (2, 0.5, "1"), (4, 0.25, "1"), (5, 9.0, "1"))
    bars = replace(make_bars(closes=[10] * 7), actions=paid)
    ledger = simulate(bars, signals(enter=[0], leave=[3]), 1000.0, no_fee)
    # Held from the open of bar 1, which the first dividend comes before, to the open of bar 4, which the third comes before.
    assert ledger.equity == [1000.0, 1000.0, 1005.0, 1005.0, 1007.5, 1007.5, 1007.5]
    assert ledger.trades[0].gross == 0.0


def test_a_split_changes_the_position_and_pays_the_fraction_in_cash() -> None:
    bars = make_bars(closes=[9, 9, 9, 6, 6, 6, 6], opens=[9, 9, 9, 6, 6, 6, 6])
    held = replace(signals(enter=[0], stop=0.05, target=0.05, shares=11), holding_bars=4)
    ledger = simulate(replace(bars, actions=actions((3, 0.0, "0.6666"))), held, 1000.0, no_fee)
    # 11 / 0.6666 = 16.5016...: 16 shares, the rest at the close before x 0.6666. The stop does not take the split for a loss.
    rest = 11 / 0.6666 - 16
    assert [closed[:3] for closed in ledger.trades] == [(1, 5, 16)]
    assert ledger.trades[0].entry_price == pytest.approx(9 * 0.6666)
    assert ledger.equity[3] == pytest.approx(1000 - 99 + 16 * 6 + rest * 9 * 0.6666)
    assert ledger.equity[-1] == pytest.approx(ledger.equity[3])


def test_an_order_that_waits_over_a_split_is_split_too() -> None:
    bars = make_bars(closes=[10, 5, 5, 5], opens=[10, 5, 5, 5])
    ledger = simulate(replace(bars, actions=actions((1, 3.0, "0.5"))), signals(enter=[0]), 1000.0, no_fee)
    assert (ledger.open_shares, ledger.equity) == (20, [1000.0] * 4)


def test_a_position_that_a_split_leaves_no_whole_share_of_is_paid_in_cash() -> None:
    bars = make_bars(closes=[10, 10, 200, 200, 200], opens=[10, 10, 200, 200, 200])
    ledger = simulate(replace(bars, actions=actions((2, 0.0, "20"))), signals(enter=[0], leave=[3]), 1000.0, no_fee)
    assert (ledger.trades, ledger.order_count, ledger.equity) == ((), 1, [1000.0] * 5)


def test_actions_of_one_bar_add_up_and_those_outside_the_bars_are_left_out() -> None:
    days = ("19990101", "20000302", "20000302", "20000303", "20990101")
    found = [CorporateAction(day, 1.0, Decimal(2)) for day in days]
    bars = replace(make_bars([1.0] * 10), actions=tuple(found))
    assert bar_actions(bars) == [BarAction(2, 2.0, Decimal(4)), BarAction(3, 1.0, Decimal(2))]

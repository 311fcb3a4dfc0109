from backfleet.engines.risk_free import RiskFreeRates, parse_rates

TEXT = "date,rate\n2003-01-09,2.25\n2003-06-26,2.00\n2004-07-01,2.25\n"


def test_a_rate_holds_from_its_day_on_and_the_first_one_before_it_too() -> None:
    rates = parse_rates(TEXT)
    assert rates is not None
    days = ["19980101", "20030109", "20030625", "20030626", "20040701", "20300101"]
    assert rates.of(days) == [0.0225, 0.0225, 0.0225, 0.02, 0.0225, 0.0225]


def test_days_under_one_rate_have_one_number() -> None:
    rates = parse_rates(TEXT)
    assert rates is not None
    assert rates.of(["20030626", "20031001", "20040630"]) == 0.02
    assert rates.of([]) == 0.0


def test_the_first_line_is_a_header_and_lines_that_cannot_be_read_are_passed_over() -> None:
    text = "2001-01-01,9\n\n# a note\n2003-13-01,1\n2003-01-09,x\n2003-06-26,nan\n2004-07-01,2.25,more\n20050101,7\n"
    assert parse_rates(text) == RiskFreeRates(("20040701",), (0.0225,))
    assert parse_rates("date,rate\n") is None


def test_a_later_line_of_the_same_day_replaces_the_earlier_one() -> None:
    assert parse_rates("h\n2003-01-09,2\n2003-01-09,3\n") == RiskFreeRates(("20030109",), (0.03,))

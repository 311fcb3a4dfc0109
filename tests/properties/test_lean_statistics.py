"""Any text in any field of LEAN's figures is a number, null or a clear error; never a crash, never a wrong number."""

from decimal import Decimal
from math import isfinite

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from backfleet.core.metrics import METRICS, OWN_OF_LEAN, Unit
from backfleet.engines.lean.document import parse_document
from backfleet.engines.lean.metrics import PORTFOLIO, RUNTIME, SOURCES, STATISTICS, TRADES, Source, measure
from backfleet.engines.lean.statistics import Form, StatisticUnreadable, parse_statistic
from tests.support.lean_results import make_result

FORMS = st.sampled_from(list(Form))
NEARLY = st.text(st.sampled_from("0123456789.,%$€+-eE NaInfity()²\uff11"), max_size=12)
ANY_TEXT = st.one_of(st.text(st.characters(codec=None)), NEARLY, st.just("9" * 5000), st.just("1e9999"))
SYMBOLS = st.one_of(
    st.sampled_from(["$", "€", "₮", "Ξ", "Kč", "R$", "BUSD", "zł", "NT$", "*", ""]),
    st.text(st.characters(categories=["L", "Sc"]), max_size=6).filter(
        lambda text: not any(c.isnumeric() for c in text)
    ),
)
DECIMALS = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=Decimal("-1e28"), max_value=Decimal("1e28"), places=3
)
FIELDS = [(metric, source) for metric, sources in SOURCES.items() for source in sources]
RATIOS = {"sharpe_ratio", "sortino_ratio", "probabilistic_sharpe_ratio"}
PLACES = {STATISTICS: "statistics", RUNTIME: "runtimeStatistics"}


@settings(deadline=None)
@given(ANY_TEXT, FORMS, st.one_of(st.none(), st.text(max_size=4)))
def test_any_text_is_a_number_null_or_an_error_that_is_short(text: str, form: Form, currency: str | None) -> None:
    value, problem = read(text, form, currency)
    assert value is None or value.is_finite()
    assert len(problem) < 800


@settings(deadline=None)
@given(NEARLY, FORMS)
@example("1,5", Form.NUMBER)
@example("$.5", Form.MONEY)
def test_a_number_that_is_read_has_just_the_digits_that_are_written(text: str, form: Form) -> None:
    try:
        value = parse_statistic(text, form)
    except StatisticUnreadable:
        return
    assume(value is not None)
    assert value is not None
    mantissa = text.upper().split("E")[0] if "E" in text.upper() and text[:1].isdigit() else text
    if "E" not in text.upper():
        written = "".join(letter for letter in mantissa if letter in "0123456789.")
        plain = Decimal(written) * (-1 if "-" in text else 1)
        assert value == (plain.scaleb(-2) if form is Form.PERCENT else plain)


@settings(deadline=None)
@given(DECIMALS, SYMBOLS, st.booleans(), st.booleans())
def test_money_comes_back_whatever_its_symbol_and_wherever_its_sign(
    amount: Decimal, symbol: str, is_grouped: bool, is_sign_first: bool
) -> None:
    digits = f"{amount.copy_abs():,.3f}" if is_grouped else f"{amount.copy_abs():.3f}"
    sign = "-" if amount < 0 else ""
    text = f"{sign}{symbol}{digits}" if is_sign_first else f"{symbol}{sign}{digits}"
    assert parse_statistic(text, Form.MONEY) == amount


@settings(deadline=None)
@given(DECIMALS)
def test_percents_and_numbers_come_back_exactly(value: Decimal) -> None:
    assert parse_statistic(f"{value:f}", Form.NUMBER) == value
    percent = parse_statistic(f"{value:f}%", Form.PERCENT)
    assert percent is not None
    assert percent.as_tuple()[:2] == value.as_tuple()[:2]
    assert percent.as_tuple().exponent == -5


@settings(deadline=None)
@given(st.sampled_from(FIELDS), ANY_TEXT)
def test_any_text_in_any_field_leaves_a_number_or_null_and_says_what_it_could_not_read(
    field: tuple[str, Source], text: str
) -> None:
    metric, source = field
    document = parse_document("x.json", only(source, text))
    measured = measure(document)
    assert set(measured.metrics) == set(METRICS)
    for name, value in measured.metrics.items():
        if METRICS[name].unit is Unit.COUNT:
            assert value is None or (isinstance(value, int) and value >= 0)
        else:
            assert value is None or (isinstance(value, float) and isfinite(value))
    others = {name: value for name, value in measured.metrics.items() if value is not None and name != metric}
    assert set(others) <= {"fee_share", OWN_OF_LEAN.get(metric)}
    try:
        parsed = parse_statistic(text, source.form, "USD")
    except StatisticUnreadable:
        assert measured.metrics[metric] is None
        assert len(measured.warnings) == 1
        assert source.field in measured.warnings[0]
        return
    assert measured.warnings == ()
    expected = None if parsed is None or not isfinite(parsed) else float(parsed)
    # A 0 without a deviation is LEAN's placeholder.
    assert measured.metrics[metric] == (None if metric in RATIOS and not expected else expected)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=30), st.text(max_size=60), max_size=20))
def test_statistics_are_kept_text_for_text(statistics: dict[str, str]) -> None:
    assume(not any("\x00" in text for pair in statistics.items() for text in pair))
    document = parse_document("x.json", make_result(statistics=statistics))
    assert document.statistics == statistics
    assert document.altered == ()


def read(text: str, form: Form, currency: str | None) -> tuple[Decimal | None, str]:
    """Return the value, or None with the text of the error."""
    try:
        return parse_statistic(text, form, currency), ""
    except StatisticUnreadable as problem:
        return None, str(problem)


def only(source: Source, text: str) -> dict[str, object]:
    """Build a result that holds only one figure."""
    if source.place in PLACES:
        figures: dict[str, object] = {PLACES[source.place]: {source.field: text}}
    else:
        figures = {"totalPerformance": {source.place: {source.field: text}}}
    assert source.place in (STATISTICS, RUNTIME, PORTFOLIO, TRADES)
    nothing: dict[str, dict[str, str]] = {"statistics": {}, "runtimeStatistics": {}, "totalPerformance": {}}
    return make_result(**(nothing | figures))

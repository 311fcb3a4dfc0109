"""Converts the success criteria and constraints of a config.

A constraint on a statistic is a criterion. If two criteria bound the same statistic, the stricter one applies.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from backfleet.configs.documents import ConfigInvalid, Entry, Place
from backfleet.configs.reading import (
    Conversion,
    Keys,
    fields_of,
    fraction_of,
    items_of,
    json_of,
    number_of,
    text_of,
    validate_keys,
)
from backfleet.configs.statistics import choose, metric_of
from backfleet.core.criteria import RULES, Rule
from backfleet.core.space.scalars import is_whole, shown, value_text

NAMES = {
    "min_trades": "min_trades",
    "max_trades": "max_trades",
    "min_sharpe": "min_sharpe",
    "min_sharpe_ratio": "min_sharpe",
    "max_drawdown": "max_drawdown",
    "min_win_rate": "min_win_rate",
    "min_avg_win": "min_avg_win",
    "min_psr": "min_psr",
    "max_fee_pct": "max_fee_share",
    "max_fee_share": "max_fee_share",
    "min_comparable_sharpe": "min_comparable_sharpe",
    "min_comparable_sharpe_ratio": "min_comparable_sharpe",
    "min_comparable_sortino": "min_comparable_sortino",
    "min_comparable_sortino_ratio": "min_comparable_sortino",
    "max_comparable_drawdown": "max_comparable_drawdown",
    "max_comparable_deviation": "max_comparable_deviation",
}
"""The names of the criteria in configs."""
_RULES_OF_THE_STRATEGY = (
    "max_risk_per_trade", "risk_per_trade", "max_leverage", "leverage", "max_position_size", "position_size",
    "max_positions", "max_open_positions", "max_exposure", "max_daily_loss", "stop_loss", "take_profit",
)  # fmt: skip
"""Limits on orders while a backtest runs. No figure of its result shows whether the strategy kept them."""
KEYS = Keys(
    known=NAMES,
    silent=("description", "note", "notes", "comment", "rationale"),
    told={
        "max_fee_per_trade": "ignored: there is no such criterion; use max_fee_share to bound the fees",
        **dict.fromkeys(_RULES_OF_THE_STRATEGY, "ignored: this is a rule for the strategy's own code, not a criterion"),
    },
    is_closed=True,
)
FEE_PCT = "max_fee_pct"
_FEE_PCT_MEANING = (
    "read as total fees over gross profit; some files mean fees over capital or over net profit; "
    "write max_fee_share if you mean gross profit"
)
_FEES = frozenset({"feepct", "feespct", "feepercentage"})
TARGET = "target_"
"""Prefix of notes about what the researcher hopes for. They are not criteria."""
COUNTS = frozenset({"min_trades", "max_trades"})
RATIOS = frozenset({"min_sharpe", "min_comparable_sharpe", "min_comparable_sortino"})
_SIGN = re.compile(r"<=|>=|==|!=|=|<|>")
_RULES = {rule.field: rule for rule in RULES}


@dataclass(frozen=True, slots=True)
class _Bound:
    rule: Rule
    value: Decimal
    place: Place


def convert_criteria(
    section: Entry | None, constraints: Entry | None, names: Collection[str], conversion: Conversion
) -> None:
    """Put `successCriteria` and `constraints` into the conversion. `names` are the names of the parameters.

    Without any criterion the conversion gets no `successCriteria`, and the strategy's own criteria apply.
    """
    bounds = [] if section is None else _stated(section, conversion)
    is_stated = bool(bounds)
    between: list[str] = []
    for entry in _items(constraints, conversion):
        if not isinstance(entry.value, str):
            with conversion.going_on():
                text_of(entry)
        elif _compares_parameters(text_of(entry), names):
            conversion.places[f"spec.constraints[{len(between)}]"] = entry.place
            between.append(text_of(entry).strip())
        else:
            with conversion.going_on():
                bounds.append(_constrained(entry, conversion))
    if between:
        conversion.spec["constraints"] = between
    if not bounds:
        return
    if not is_stated and constraints is not None:
        text = "these are the only criteria of the batch; the strategy's own criteria do not apply"
        conversion.warn(constraints.place, text)
    merged = _merge(bounds, conversion)
    conversion.spec["successCriteria"] = {
        rule.wire_name: json_of(merged[rule.field].value) for rule in RULES if rule.field in merged
    }
    for bound in merged.values():
        conversion.places[f"spec.successCriteria.{bound.rule.wire_name}"] = bound.place


def _items(constraints: Entry | None, conversion: Conversion) -> tuple[Entry, ...]:
    if constraints is not None:
        with conversion.going_on():
            return items_of(constraints)
    return ()


def _stated(section: Entry, conversion: Conversion) -> list[_Bound]:
    found: list[_Bound] = []
    with conversion.going_on():
        fields = {
            key: each for key, each in fields_of(section, "a section of criteria").items() if not key.startswith(TARGET)
        }
        validate_keys(fields, KEYS, conversion)
        for key, entry in fields.items():
            if key in NAMES:
                with conversion.going_on():
                    found.append(_bound(_RULES[NAMES[key]], entry))
            if key == FEE_PCT:
                conversion.warn(entry.place, _FEE_PCT_MEANING)
    return found


def _bound(rule: Rule, entry: Entry, value: Decimal | None = None) -> _Bound:
    """Return a bound that a result can meet: a whole count, a ratio, or a fraction from 0 to 1."""
    if rule.field in COUNTS:
        value = number_of(entry) if value is None else value
        if not is_whole(value) or value < 0:
            raise ConfigInvalid(
                entry.place, f"expected a count, got {value_text(value)}", "write a whole number, 0 or more"
            )
        return _Bound(rule, value, entry.place)
    value = fraction_of(entry) if value is None else value
    if rule.field not in RATIOS:
        problem = f"expected a fraction from 0 to 1, got {value_text(value)}"
        if value > 1:
            hint = f"write the fraction {value_text(value / 100)} or the percentage {value_text(value)}%"
            raise ConfigInvalid(entry.place, problem, hint)
        if value < 0:
            raise ConfigInvalid(entry.place, problem, "write a positive number")
    return _Bound(rule, value, entry.place)


def _compares_parameters(text: str, names: Collection[str]) -> bool:
    """Return whether the constraint compares parameters.

    It does if it names a parameter and its left side is not a statistic. A parameter with the name of a statistic is the
    parameter.
    """
    left, _, _ = _split(text)
    if left not in names and metric_of(left) is not None:
        return False
    return any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", text) for name in names)


def _split(text: str) -> tuple[str, str, str]:
    """Return the left side, sign and right side of a comparison, or empty texts if the text is not a comparison."""
    found = _SIGN.search(text)
    if found is None:
        return "", "", ""
    return text[: found.start()].strip(), found.group(), text[found.end() :].strip()


def _constrained(entry: Entry, conversion: Conversion) -> _Bound:
    text = text_of(entry)
    left, sign, right = _split(text)
    if not left or not right:
        hint = 'write one comparison, such as "Drawdown < 0.15"'
        raise ConfigInvalid(entry.place, f"expected a constraint, got {shown(text)}", hint)
    metric = metric_of(left)
    if metric is None:
        raise ConfigInvalid(entry.place, f"expected a statistic or a parameter, got {shown(left)}", choose(left))
    if sign not in ("<", "<=", ">", ">="):
        raise ConfigInvalid(entry.place, f"a bound of a statistic cannot use {sign}", "write <, <=, > or >=")
    rule = next((each for each in RULES if each.metric == metric and each.is_floor == (sign[0] == ">")), None)
    if rule is None:
        bounded = sorted({f"{each.metric} {'>=' if each.is_floor else '<='}" for each in RULES})
        problem = f"no criterion has the form {left} {sign}"
        raise ConfigInvalid(entry.place, problem, f"use one of: {', '.join(bounded)}")
    if re.sub(r"[^a-z]", "", left.lower()) in _FEES:
        conversion.warn(entry.place, _FEE_PCT_MEANING)
    value = fraction_of(Entry(entry.place, right, is_quoted=True))
    if rule.field in COUNTS and is_whole(value):
        # Counts are whole, so "more than 100" is exactly "101 or more".
        value += {">": 1, "<": -1}.get(sign, 0)
    return _bound(rule, entry, value)


def _merge(bounds: list[_Bound], conversion: Conversion) -> Mapping[str, _Bound]:
    merged: dict[str, _Bound] = {}
    for bound in bounds:
        name = bound.rule.field
        first = merged.setdefault(name, bound)
        if first.value == bound.value:
            continue
        stricter = max if bound.rule.is_floor else min
        merged[name] = stricter(first, bound, key=lambda each: each.value)
        applied = value_text(merged[name].value)
        there = f"{value_text(first.value)} in line {first.place.line}"
        conversion.warn(
            bound.place, f"{name} is {value_text(bound.value)} here and {there}; the stricter, {applied}, applies"
        )
    return merged

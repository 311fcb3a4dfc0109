"""The shared parts of Backfleet's own engines as programs: exit codes, errors, parameters from texts, and files they leave."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backfleet.core.reasons import FailureReason
from backfleet.core.space.scalars import MAX_DIGITS, MAX_MAGNITUDE, ParameterType

RESULT_FILE = "result.json"
ERROR_FILE = "error.json"

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_NO_DATA = 10
EXIT_INVALID_COMBINATION = 11

REASON_BY_EXIT_CODE: Mapping[int, FailureReason] = {
    EXIT_NO_DATA: FailureReason.NO_DATA,
    EXIT_INVALID_COMBINATION: FailureReason.INVALID_COMBINATION,
}
"""The codes that name a reason; `engines.outcomes` classifies signals, timeouts and all other codes."""

Value = int | float | bool | str


_DECIMAL = re.compile(rf"-?[0-9]{{1,{MAX_MAGNITUDE + 1}}}(\.[0-9]{{1,{MAX_MAGNITUDE + MAX_DIGITS - 1}}})?")
"""Every number of a parameter space, as `value_text` writes it."""


class EngineFailure(Exception):
    """A backtest that ends with a message and an exit code."""

    exit_code = EXIT_ERROR
    reason = FailureReason.ENGINE_ERROR


class NoData(EngineFailure):
    """A symbol without bars, or without any in the range."""

    exit_code = EXIT_NO_DATA
    reason = FailureReason.NO_DATA


class InvalidCombination(EngineFailure):
    """Parameters that the strategy cannot use: unknown, of the wrong type, or out of range."""

    exit_code = EXIT_INVALID_COMBINATION
    reason = FailureReason.INVALID_COMBINATION


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared parameter: its default as text, its type, and its bounds. `is_open` excludes the lower bound itself."""

    name: str
    default: str
    type: type[int] | type[float] | type[bool] | type[str]
    least: float | None = None
    is_open: bool = False
    choices: tuple[str, ...] = ()
    most: float | None = None

    def parse(self, text: str) -> Value:
        """Parse a text. InvalidCombination names the parameter and what it accepts."""
        value: Value | None = _PARSERS[self.type](text)
        if value is None:
            raise InvalidCombination(f"parameter {self.name}: expected {_NAMES[self.type]}, got {text[:100]!r}")
        if self.choices and value not in self.choices:
            choices = ", ".join(self.choices)
            raise InvalidCombination(f"parameter {self.name}: expected one of {choices}, got {text[:100]!r}")
        if isinstance(value, int | float) and self.least is not None and not self._is_above(value, self.least):
            bound = "above" if self.is_open else "at least"
            raise InvalidCombination(f"parameter {self.name}: expected {bound} {self.least:g}, got {text[:100]}")
        if isinstance(value, int | float) and self.most is not None and value > self.most:
            raise InvalidCombination(f"parameter {self.name}: expected at most {self.most:g}, got {text[:100]}")
        return value

    def _is_above(self, value: float, least: float) -> bool:
        return value > least if self.is_open else value >= least


def parse_texts(declared: Iterable[Parameter], texts: Mapping[str, str]) -> dict[str, Any]:
    """Parse every declared parameter, or its default if `texts` lacks it. Raise InvalidCombination for an unknown one."""
    known = {parameter.name: parameter for parameter in declared}
    unknown = sorted(set(texts) - set(known))
    if unknown:
        raise InvalidCombination(f"unknown parameter {unknown[0][:100]!r}: expected one of {', '.join(known)}")
    return {name: parameter.parse(texts.get(name, parameter.default)) for name, parameter in known.items()}


def to_json(body: Mapping[str, Any]) -> bytes:
    """Return the content of a file: equal bodies give equal bytes. Raise ValueError for NaN."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def write_json(folder: Path, name: str, body: Mapping[str, Any]) -> None:
    """Write a file atomically: a reader sees all of it or nothing."""
    content = to_json(body)
    draft = f"{folder}/.{name}.{os.getpid()}"
    # A forked process pays for every page that it touches first, and a text file has many.
    with open(draft, "wb") as file:
        file.write(content)
    os.replace(draft, f"{folder}/{name}")


def write_error(folder: Path, reason: FailureReason, message: str) -> None:
    """Write the reason and the message for the recorder. If the folder is not writable, only the message is lost."""
    try:
        write_json(folder, ERROR_FILE, {"reason": reason.value, "message": message[:2000]})
    except OSError:
        return


def _parse_int(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,15}", text) else None


def _parse_float(text: str) -> float | None:
    return float(text) if _DECIMAL.fullmatch(text) else None


def _parse_bool(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)


def parameter_types(declared: Iterable[Parameter]) -> dict[str, ParameterType]:
    """Return the types of the declared parameters as a batch names them."""
    return {parameter.name: _TYPES[parameter.type] for parameter in declared}


_TYPES: Mapping[type, ParameterType] = {
    int: ParameterType.INT,
    float: ParameterType.FLOAT,
    bool: ParameterType.BOOL,
    str: ParameterType.STRING,
}
_PARSERS: Mapping[type, Any] = {int: _parse_int, float: _parse_float, bool: _parse_bool, str: str}
_NAMES: Mapping[type, str] = {int: "a whole number", float: "a decimal number", bool: "true or false", str: "a text"}

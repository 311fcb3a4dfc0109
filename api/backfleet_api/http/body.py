"""The body of a request as JSON, from bytes that nobody has checked: bounded in size and time, strict, never a crash."""

import asyncio
import json
import math
from typing import Any, NoReturn

from fastapi import Request
from starlette.requests import ClientDisconnect

from backfleet_api.refusals import BodyOfAnotherKind, BodyTooLarge, BodyTooSlow, BodyUnreadable

MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 5.0
MAX_DEPTH = 32
"""A spec is 5 deep. What nests deeper is refused here, long before anything recursive could overflow on it."""

_FIELD = "body"
_HINT = "send one JSON object in UTF-8. See /openapi.json for its fields"


async def read_json(request: Request, seconds: float = BODY_SECONDS) -> Any:  # noqa: ANN401 - any JSON
    """The JSON of the body; a SpecInvalid that says why it is none, or why it is not read."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise BodyOfAnotherKind(
            _FIELD, f"the Content-Type is {kind[:60] or 'missing'!r}", "send Content-Type: application/json"
        )
    try:
        async with asyncio.timeout(seconds):
            return parse_json(await _read_bytes(request))
    except TimeoutError as error:
        raise BodyTooSlow(_FIELD, f"it did not arrive within {seconds:g} s", "send it at once") from error
    except ClientDisconnect as error:
        raise BodyUnreadable(_FIELD, "the connection ended before the body did", _HINT) from error


def parse_json(content: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Strict JSON: no NaN, no Infinity, no number that overflows to it, no repeated key, no lone surrogate, no depth bomb."""
    try:
        body = json.loads(
            content.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_parse_float,
            object_pairs_hook=_parse_object,
        )
    except BodyUnreadable:
        raise
    except RecursionError as error:
        raise _too_deep() from error
    except UnicodeDecodeError as error:
        raise BodyUnreadable(_FIELD, f"byte {error.start} is not UTF-8", _HINT) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise BodyUnreadable(_FIELD, f"not JSON: {error.msg} at {where}", _HINT) from error
    except ValueError as error:
        # Python refuses to read integers of thousands of digits.
        raise BodyUnreadable(_FIELD, "it holds a number of thousands of digits", _HINT) from error
    _check(body, 1)
    return body


async def _read_bytes(request: Request) -> bytes:
    promised = request.headers.get("Content-Length", "")
    if promised.isdecimal() and int(promised) > MAX_BODY_BYTES:
        raise _too_large()
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise _too_large()
    return bytes(content)


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(
        _FIELD, f"it is over the limit of {MAX_BODY_BYTES} bytes", "declare ranges in place of long lists of values"
    )


def _too_deep() -> BodyUnreadable:
    return BodyUnreadable(_FIELD, f"it nests deeper than {MAX_DEPTH} levels", _HINT)


def _refuse_constant(name: str) -> NoReturn:
    raise BodyUnreadable(_FIELD, f"{name} is not a number of JSON", "write a finite number, or null")


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BodyUnreadable(_FIELD, f"{text[:40]} is too large for a number", "write a number below 1e+308")
    return number


def _parse_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BodyUnreadable(_FIELD, f"the key {name[:40]!a} is repeated", "give each key once")
        found[name] = value
    return found


def _check(value: Any, depth: int) -> None:  # noqa: ANN401 - any JSON
    if depth > MAX_DEPTH:
        raise _too_deep()
    match value:
        case str():
            _check_text(value)
        case dict():
            for name, each in value.items():
                _check_text(name)
                _check(each, depth + 1)
        case list():
            for each in value:
                _check(each, depth + 1)


def _check_text(text: str) -> None:
    """A lone surrogate is JSON but no text: it can be written to no answer, log or Kubernetes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BodyUnreadable(_FIELD, "a text holds half of a surrogate pair", "send the whole character") from error
